"""A second Docker engine that a test owns: it can be killed, restarted, configured otherwise.

It lives in network, mount and pid namespaces of its own, for with a second dockerd in the host's
network namespace the first one would lose its bridge. Nothing leads out of them: its sockets are
files, what it publishes is reached from inside of its network namespace (`network`), and it reaches
a registry by a socket that was opened in there (`listen`). The namespaces die with their first
process, and that dies with us, so that nothing outlives a test run that was killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import forked

_READY = 600.0  # seconds; it takes two, on a machine that has nothing else to do
_CGROUPS = Path("/sys/fs/cgroup")
# The first process of a pid namespace: brings loopback up and collects whoever is orphaned.
_INIT = """
import fcntl, signal, socket, struct
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
with socket.socket() as any_socket:  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING (netdevice(7))
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
print("up", flush=True)
while True:
    signal.pause()
"""


def missing() -> str:
    """What this machine lacks for a second engine; empty where it lacks nothing."""
    if os.geteuid():
        return "namespaces need root"
    absent = [
        name
        for name in ("dockerd", "containerd", "unshare", "nsenter", "setpriv")
        if shutil.which(name) is None
    ]
    return f"not on PATH: {', '.join(absent)}" if absent else ""


class SecondEngine:
    """One engine; `start` it, and `stop` it whatever happened.

    Args:
        folder: an empty folder on a disk that overlay file systems can lie on.
        name: of its cgroup.
        config: for its daemon.json.
        programs: where other packages than the machine's were unpacked, with their programs in
            `usr/bin` and the client's plugins in `config`; a way to the outside is opened, too.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        config: Mapping[str, Any] | None = None,
        *,
        programs: Path | None = None,
    ) -> None:
        self.folder = folder
        self.name = name
        self._config = dict(config or {})
        self._programs = programs
        self._way_out: subprocess.Popen[bytes] | None = None
        self._unshare: subprocess.Popen[str] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def host(self) -> str:
        """For `DOCKER_HOST`."""
        return f"unix://{self.folder / 'docker.sock'}"

    @property
    def network(self) -> str:
        """The file of its network namespace, for whoever is to run in it."""
        return f"/proc/{self._pid}/ns/net"

    @property
    def environ(self) -> dict[str, str]:
        """The variables of who uses it: where it listens, and the programs that belong to it."""
        found = {"DOCKER_HOST": self.host}
        if self._programs is not None:
            found["PATH"] = f"{self._programs / 'usr' / 'bin'}:{os.environ['PATH']}"
            found["DOCKER_CONFIG"] = str(self._programs / "config")
        return found

    def start(self) -> None:
        """Make the namespaces and start the engine in them."""
        (self.folder / "daemon.json").write_text(json.dumps(self._config))
        kinds = ["--net", "--mount", "--pid", "--mount-proc", "--propagation=private"]
        self._unshare = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),
                *("unshare", *kinds, "--fork", "--kill-child=KILL"),
                *(sys.executable, "-c", _INIT),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._unshare.stdout is not None
        assert self._unshare.stdout.readline() == "up\n"
        children = Path(f"/proc/{self._unshare.pid}/task/{self._unshare.pid}/children")
        self._pid = int(children.read_text())
        # Where an engine and its tools would meet those of the host: its own, and empty.
        self._inside("mount", "-t", "tmpfs", "tmpfs", "/run")
        if self._programs is not None:
            self._open_a_way_out(self._programs)
        self.power_on()

    def _open_a_way_out(self, programs: Path) -> None:
        libraries = [str(path) for path in (programs / "usr" / "lib").glob("*-linux-gnu*")]
        ready, tells = os.pipe()
        with (self.folder / "slirp4netns.log").open("ab") as log:
            self._way_out = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *(str(programs / "usr" / "bin" / "slirp4netns"), "--configure", "--mtu=1500"),
                    *("--disable-host-loopback", f"--ready-fd={tells}", str(self._pid), "tap0"),
                ],
                env={**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(tells,),
            )
        os.close(tells)
        with os.fdopen(ready, "rb") as said:
            if not said.read(1):
                raise RuntimeError((self.folder / "slirp4netns.log").read_text()[-2000:])

    def power_on(self) -> None:
        """Start the daemon, and wait until it answers."""
        with (self.folder / "dockerd.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [
                    *("nsenter", f"--target={self._pid}", "--net", "--mount", "--pid", "--"),
                    # When nsenter is killed, so is the daemon, at once and with no last words.
                    *("setpriv", "--pdeathsig", "KILL", "dockerd"),
                    f"--config-file={self.folder / 'daemon.json'}",
                    f"--data-root={self.folder / 'data'}",
                    "--exec-root=/run/docker",
                    "--pidfile=/run/docker.pid",
                    f"--host={self.host}",
                    f"--cgroup-parent=/{self.name}",
                    "--shutdown-timeout=2",
                    "--log-level=warn",
                ],
                env={**os.environ, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _READY
        while self.docker("version", check=False).returncode:
            alive = self._daemon.poll() is None
            if not alive or time.monotonic() > end:
                raise RuntimeError((self.folder / "dockerd.log").read_text()[-2000:])
            time.sleep(0.05)

    def crash(self) -> None:
        """Kill the daemon; its containers run on, as they do under any dockerd that is killed."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()
        end = time.monotonic() + _READY
        while not self.docker("version", check=False).returncode:
            assert time.monotonic() < end, "the daemon outlived its kill"
            time.sleep(0.02)
        # A daemon that was killed leaves these behind, and the next one would believe them.
        self._inside("rm", "-f", "/run/docker.pid")

    def shut_down(self) -> None:
        """End the daemon as a service manager does, so that it stops its containers."""
        assert self._daemon is not None
        self._inside("sh", "-c", "kill -TERM $(cat /run/docker.pid)")
        self._daemon.wait(_READY)

    def docker(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A docker command against it."""
        return subprocess.run(
            ["docker", *words],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=_READY,
            check=check,
        )

    def listen(self, port: int) -> socket.socket:
        """A socket that listens on its loopback; whoever has it need not be in there himself."""
        made: list[socket.socket] = []

        def within() -> None:  # a thread of its own, since it never comes out again
            forked.enter_network(self.network)
            made.append(socket.create_server(("127.0.0.1", port)))

        thread = threading.Thread(target=within)
        thread.start()
        thread.join()
        return made[0]

    def stop(self) -> None:
        """End everything that runs in there, and remove what is left of it."""
        if self._unshare is not None:
            if self._pid:
                try:
                    os.kill(self._pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._unshare.kill()
            self._unshare.wait()
        for process in (self._daemon, self._way_out):
            if process is not None:
                process.kill()
                process.wait()
        for parent in (_CGROUPS, *_CGROUPS.glob("*")):
            _remove_cgroup(parent / self.name)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def _inside(self, *words: str) -> None:
        entered = ["nsenter", f"--target={self._pid}", "--net", "--mount", "--pid", "--"]
        subprocess.run([*entered, *words], check=True, timeout=_READY)


def _remove_cgroup(folder: Path) -> None:
    """A cgroup and those below it; their last processes may take a moment to be gone."""
    if not folder.is_dir():
        return
    end = time.monotonic() + 120
    for path in sorted((p for p in (folder, *folder.rglob("*")) if p.is_dir()), reverse=True):
        while True:
            try:
                path.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                break
