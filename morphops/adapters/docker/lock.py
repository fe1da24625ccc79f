"""The lock on a Docker engine: a container of a fixed name whose program ends when we do.

The name makes it exclusive. Our docker client holds the container's standard input open, and dies
with us. However that happens, the program then reads the end of its input and ends, and the engine
removes the container (`--rm`). So nothing is ever left to break after a kill.

One trap is left. A client that is killed between creating and starting the container leaves it in
the state `created`, and the name taken. No container is in that state for long, so then it is
removed: by its id, and without force. The engine refuses that for one that was started meanwhile.
"""

from __future__ import annotations

import select
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from morphops.adapters.docker import lock_image
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.events import EventWatch
from morphops.core.lock import Holder, refusal
from morphops.errors import EngineCallFailed

_LABEL = "morphops.lock"
_ANSWER = 20.0  # seconds in which an engine has started a container, or is not well
_HALF_TAKEN = 2.0  # seconds; no client needs longer between creating a container and starting it
_STUCK = 30.0  # seconds; a container without a holder that that cannot be removed either
_RELOOK = 5.0
_MOMENT = 0.05
_TRIES = 10  # to find the name taken, and then free


class EngineLock:
    """Implements `Lock` for one Docker engine."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    @contextmanager
    def hold(
        self, project: str, holder: Holder, wait: float = 0, inside: str = ""
    ) -> Iterator[EngineHeld]:
        """See `Lock.hold`."""
        process = LockProcess(self._docker, project, holder)
        try:
            self.acquire(process, wait, inside)
            yield EngineHeld(self, process)
        finally:
            process.release()

    def holder(self, project: str) -> Holder | None:
        """See `Lock.holder`."""
        found = self._look(project)
        return _holder(found) if found and _runs(found) else None

    def steal(self, project: str, holder: Holder) -> None:
        """See `Lock.steal`."""
        found = self._look(project)
        # By its id: under the name there may be another container by then.
        if found and holder.is_same(_holder(found)):
            self._docker.engine.remove_container(found["Id"], force=True)

    def acquire(self, process: LockProcess, wait: float, inside: str) -> None:
        """Take it within `wait` seconds.

        Raises:
            LockHeld: another operator still has it.
            EngineUnavailable: there is no docker client, or no engine.
        """
        end = time.monotonic() + wait
        watch = EventWatch(self._docker, f"{_LABEL}={process.project}") if wait else None
        with watch or nullcontext():
            while not self._take_free(process):
                holder = self.holder(process.project)
                if holder is None:
                    continue
                left = end - time.monotonic()
                if watch is None or left <= 0 or holder.token == inside:
                    raise refusal(holder, inside, wait)
                watch.wait(min(left, _RELOOK))

    def _take_free(self, process: LockProcess) -> bool:
        """Take it if it is free; False if another operator holds it."""
        half_taken: dict[str, float] = {}
        nobody, begun = 0, time.monotonic()
        while not process.start():
            found = self._look(process.project)
            if found is None:
                # It was released just now, or the container could not even be created.
                nobody += 1
                if nobody >= _TRIES:
                    raise EngineCallFailed(
                        f"could not take the lock of {process.project}", detail=process.complaint
                    )
                if not self._load_image():
                    time.sleep(_MOMENT)  # the engine may not have freed the name yet
                continue
            if _runs(found):
                return False
            if time.monotonic() - begun > _STUCK:
                name = _name(process.project)
                raise EngineCallFailed(
                    f"could not take the lock: its container {name} is "
                    f"{found['State']['Status']} and does not go away",
                    state="nothing was changed",
                    hint=f"docker rm -f {name}   (then the same command again)",
                )
            since = half_taken.setdefault(found["Id"], time.monotonic())
            if time.monotonic() - since > _HALF_TAKEN:
                self._remove_half_taken(found["Id"])
            time.sleep(_MOMENT)  # no event says that nothing happens
        return True

    def _look(self, project: str) -> dict[str, Any] | None:
        found = self._docker.engine.inspect([_name(project)])
        return found[0] if found else None

    def _load_image(self) -> bool:
        """Load the lock's image where it is missing, and return whether it was.

        Raises:
            EngineUnavailable: no engine answers.
        """
        if self._docker.engine.inspect_images([lock_image.reference()]):
            return False
        archive = lock_image.archive(str(self._docker.engine.version().get("Arch") or "unknown"))
        with self._docker.call("load the image of the lock", 60):
            self._docker.client(60).image.load(archive)
        return True

    def _remove_half_taken(self, id_: str) -> None:
        with suppress(EngineCallFailed):  # it was started, or removed by another one who waits
            self._docker.engine.remove_container(id_)


class EngineHeld:
    """Implements `Held`."""

    def __init__(self, lock: EngineLock, process: LockProcess) -> None:
        self.holder = process.holder
        self._lock = lock
        self._process = process

    def alive(self, *, sure: bool = True) -> bool:
        """See `Held.alive`."""
        if not self._process.runs():
            return False
        return not sure or self.holder.is_same(self._lock.holder(self._process.project))

    def reacquire(self) -> None:
        """See `Held.reacquire`."""
        self._process.release()
        self._lock.acquire(self._process, 0, "")


class LockProcess:
    """The docker CLI that keeps the container's input open."""

    def __init__(self, docker: Docker, project: str, holder: Holder) -> None:
        self._docker = docker
        self.project = project
        self.holder = holder
        self.complaint: tuple[str, ...] = ()
        self._client: subprocess.Popen[bytes] | None = None

    def start(self) -> bool:
        """Start the container, and return whether that worked, and so the lock is ours.

        Raises:
            EngineUnavailable: there is no docker CLI.
        """
        labels = _labels(self.project, self.holder).items()
        options = [*_OPTIONS, "--name", _name(self.project)]
        options += [f"--label={label}={value}" for label, value in labels]
        self._client = self._docker.start(["run", *options, lock_image.reference()])
        out = self._client.stdout
        if out and select.select([out], [], [], _ANSWER)[0] and out.readline() == lock_image.SAYS:
            return True
        self.release()
        return False

    def runs(self) -> bool:
        """Whether the client is there still: it ends with the container, and with the engine."""
        return self._client is not None and self._client.poll() is None

    def release(self) -> None:
        """Close the input, and wait until the container is gone and the name is free."""
        client, self._client = self._client, None
        if client is None:
            return
        try:
            _, complaint = client.communicate(timeout=_ANSWER)
        except subprocess.TimeoutExpired:
            client.kill()
            _, complaint = client.communicate()
        self.complaint = tuple(complaint.decode(errors="replace").splitlines()[-3:])


_OPTIONS = (
    *("--rm", "--interactive", "--pull", "never", "--network", "none", "--log-driver", "none"),
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--memory", "8m", "--pids-limit", "4"),
)
_FIELDS = ("token", "what", "reason", "user", "host", "pid", "since")


def _name(project: str) -> str:
    return f"morphops-lock-{project}"


def _labels(project: str, holder: Holder) -> dict[str, str]:
    fields = {f"{_LABEL}.{name}": str(getattr(holder, name)) for name in _FIELDS}
    return {_LABEL: project, **fields}


def _holder(found: Mapping[str, Any]) -> Holder:
    labels = found["Config"].get("Labels") or {}
    told = {name: labels.get(f"{_LABEL}.{name}", "") for name in _FIELDS}
    return Holder(**{**told, "pid": int(told["pid"]) if told["pid"].isdigit() else 0})


def _runs(found: Mapping[str, Any]) -> bool:
    return found["State"]["Status"] in ("running", "paused")
