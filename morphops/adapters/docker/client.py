"""The one door to docker: the Engine API, the bounded CLI, and python-on-whales on top of it.

| what is asked                                  | by                                          |
|------------------------------------------------|---------------------------------------------|
| often: inspect, lists, events, pull, heads     | `engine`: the Engine API, without a process |
| build, bake, Compose up and down, stop, load   | `client`: python-on-whales                  |
| what python-on-whales does not give as it is   | `run`: the docker CLI to its end            |
| the lock, which must die with us               | `start`: the docker CLI as a child          |
| commands of people in containers, their logs   | `attach`, `output`, `lines`                 |

Neither the CLI nor python-on-whales has time limits, and a registry that dies during a pull hangs
the CLI for good. So every call runs under coreutils' `timeout`, and `setpriv --pdeathsig` ties each
of these processes to the one above it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from morphops.adapters.docker import endpoint, faults
from morphops.adapters.docker.argv import bounded, tied
from morphops.adapters.docker.endpoint import Endpoint
from morphops.errors import EngineCallFailed, MorphopsError

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from morphops.adapters.docker.connection import Dial
    from morphops.adapters.docker.engine import Engine

_TIMED_OUT = 124  # `timeout` had to end the command (coreutils manual, "timeout invocation")
_KILLED = 137
_CARRIED = 4 * 3600.0  # seconds that the CLI carries one connection, at most


class Docker:
    """Asks and commands one Docker engine; each call is bounded, each failure is one of ours.

    Args:
        redact: applied to every text that the engine says before it enters an error.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact

    @cached_property
    def endpoint(self) -> Endpoint:
        """Where the docker CLI, and so all of this, looks for the engine.

        Raises:
            EngineUnavailable: a context is in use, and there is no docker CLI to ask for it.
        """
        return endpoint.find(os.environ, self._context_host)

    @cached_property
    def engine(self) -> Engine:
        """The engine behind `endpoint`."""
        from morphops.adapters.docker.engine import Engine

        version = os.environ.get("DOCKER_API_VERSION", "")
        return Engine(self.endpoint, self._dial(), self._redact, version)

    def run(
        self,
        words: Sequence[str],
        doing: str,
        limit: float = 60,
        *,
        env: Mapping[str, str] | None = None,
        refusal: type[MorphopsError] = EngineCallFailed,
    ) -> str:
        """Run the docker CLI to its end, and return what it wrote to stdout.

        Args:
            words: after `docker`.
            doing: what is attempted, as it reads after "could not": `read the history of a@…`.
            limit: seconds.
            env: its whole environment; ours without.
            refusal: see `call`.

        Raises:
            EngineUnavailable, EngineCallFailed: see `call`.
        """
        done = self._finish(words, limit, env)
        if done.returncode:
            said = _text(done.stderr) or _text(done.stdout)
            raise self._failed(doing, limit, done.returncode, said, refusal)
        return _text(done.stdout)

    def start(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start the docker CLI as a child that is killed when we die, with pipes to it.

        In a session of its own: a Ctrl-C at the terminal is for us, who may have to go back first.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        _need_client()
        return subprocess.Popen(
            [*tied("KILL"), "docker", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def client(
        self, limit: float = 60, *, without: Iterable[str] = (), **options: Any
    ) -> DockerClient:
        """Return a python-on-whales client each of whose calls ends after `limit` seconds.

        Args:
            limit: seconds; the CLI gets SIGTERM then, and SIGKILL a second later.
            without: names of the process environment that it does not see, besides Compose's own:
                what these calls are about is said to them.
            options: passed to python-on-whales (`compose_files`, `compose_project_name` …).

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        command = self._bounded(limit)
        from python_on_whales import DockerClient

        hidden = {*without, *(n for n in os.environ if n.startswith("COMPOSE_"))}
        unseen = [word for name in sorted(hidden) for word in ("-u", name)]
        prefix = ["env", *unseen] if unseen else []
        return DockerClient(client_call=[*prefix, *command], **options)

    @contextmanager
    def call(
        self, doing: str, limit: float = 60, *, refusal: type[MorphopsError] = EngineCallFailed
    ) -> Iterator[None]:
        """Translate what python-on-whales raises inside of the block.

        Args:
            doing: what is attempted, as it reads after "could not": `build a`.
            limit: the seconds that the client was given, for the message.
            refusal: what a refusal is; another class than the default says that Compose
                itself refuses, so that no engine is asked whether it is there.

        Raises:
            EngineUnavailable: the engine does not answer.
            EngineCallFailed: the engine answered with a refusal, or not in time.
        """
        from python_on_whales.exceptions import DockerException

        try:
            yield
        except DockerException as err:
            said = _text(err.stderr) or _text(err.stdout)
            # `from None`: the original carries argv and output, which may hold secrets.
            raise self._failed(doing, limit, err.return_code, said, refusal) from None

    def need_compose(self) -> None:
        """Make sure that the docker CLI has its Compose plugin.

        Raises:
            EngineUnavailable: it does not.
        """
        if not self.has_plugin("compose"):
            raise faults.no_compose()

    def has_plugin(self, name: str) -> bool:
        """Return whether the docker CLI has a plugin (`compose`, `buildx`).

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        return bool(self.plugin_version(name))

    def plugin_version(self, name: str) -> str:
        """Return what a plugin says of its version; empty where there is no such plugin.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        done = self._finish([name, "version"], 10)
        said = _text(done.stdout).strip()
        # A CLI without the plugin fails; an old one shows its own usage.
        return said if not done.returncode and name in said.lower() else ""

    def client_version(self) -> str:
        """Return what the docker CLI says of its version; empty where it fails.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        done = self._finish(["--version"], 10)
        return "" if done.returncode else _text(done.stdout).strip()

    def _finish(
        self, words: Sequence[str], limit: float, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._bounded(limit), *words],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )

    def attach(self, words: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        """Run the docker CLI on our own standard streams, and return its exit code.

        A Ctrl-C at the terminal is for the CLI, too, and its end is waited for.

        Args:
            words: after `docker`.
            env: its whole environment; ours without.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        _need_client()
        with subprocess.Popen([*tied("TERM"), "docker", *words], env=env) as process:
            while process.returncode is None:
                with suppress(KeyboardInterrupt):
                    process.wait()
            return process.returncode

    def output(
        self, words: Sequence[str], limit: float, env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run the docker CLI to its end: its exit code, and what it wrote to both streams.

        Args:
            words: after `docker`.
            limit: seconds; 0 for as long as it likes.
            env: its whole environment; ours without.

        Raises:
            EngineUnavailable: there is no docker CLI.
            TimeoutError: it took too long, and was ended.
        """
        _need_client()
        try:
            done = subprocess.run(
                [*tied("TERM"), "docker", *words],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=limit or None,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        return done.returncode, _text(done.stdout)

    def lines(self, words: Sequence[str]) -> subprocess.Popen[str]:
        """Start the docker CLI as a child whose stdout has the lines of both of its streams.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        _need_client()
        return subprocess.Popen(
            [*tied("TERM"), "docker", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def refused(self, doing: str, code: int, said: str) -> MorphopsError:
        """Returns the error of a call of the docker CLI that ended with a code that is not 0.

        Args:
            doing: what was attempted, as it reads after "could not".
            code: of the CLI.
            said: what it wrote.
        """
        return self._failed(doing, 0, code, said, EngineCallFailed)

    def _bounded(self, limit: float) -> list[str]:
        _need_client()
        return bounded(limit)

    def _context_host(self) -> str:
        words = ["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
        done = self._finish(words, 10)
        if done.returncode:
            raise faults.no_context(self._redact(_text(done.stderr)))
        return _text(done.stdout).strip()

    def _dial(self) -> Dial:
        from morphops.adapters.docker import connection

        if not self.endpoint.direct:
            return connection.over_cli(self.carry)
        if self.endpoint.socket is not None:
            return connection.over_unix(str(self.endpoint.socket))
        return connection.over_tcp(self.endpoint.url)

    def carry(self, sock: socket.socket) -> subprocess.Popen[bytes]:
        """Start the CLI as the carrier between this socket and the engine.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        return subprocess.Popen(
            [*self._bounded(_CARRIED), "system", "dial-stdio"],
            stdin=sock.fileno(),
            stdout=sock.fileno(),
            stderr=subprocess.DEVNULL,
        )

    def _failed(
        self, doing: str, limit: float, code: int, said: str, refusal: type[MorphopsError]
    ) -> MorphopsError:
        said = self._redact(said)
        if refusal is not EngineCallFailed:
            self.need_compose()
            return refusal(f"could not {doing}", detail=faults.last_lines(said))
        # One more question is a surer way to tell the two apart than the wording of an error.
        if not self.engine.answers():
            return faults.unreachable(doing, self.endpoint)
        if code in (_TIMED_OUT, _KILLED):
            return faults.too_slow(doing, limit, said)
        return faults.call_failed(doing, said)


def _need_client() -> None:
    if shutil.which("docker") is None:
        raise faults.no_client()


def _text(stream: str | bytes | None) -> str:
    if stream is None:
        return ""
    return stream.decode(errors="replace") if isinstance(stream, bytes) else stream
