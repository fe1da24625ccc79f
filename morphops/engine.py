"""Runs a plan: announces each step, does it, and on failure runs the way back. No policy.

SIGINT and SIGTERM are failures like any other. They stop a wait at once; a step that changes
containers is finished first, since half of it would be worse.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal, Protocol

from morphops import health, plan, probes
from morphops.bundle import Bundle
from morphops.errors import Bug, GateFailed, Interrupted, MorphopsError
from morphops.model import Release
from morphops.probes import World
from morphops.target import Running, Service, Stack, Target

_RELOOK = 5.0  # seconds; looks again even if no event came, should the stream have been cut
_LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that the steps of one plan work on: a release with its values, ready to start."""

    bundle: Bundle
    release: Release
    stack: Stack
    services: Mapping[str, Service]
    world: World


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a plan came out.

    Attributes:
        kind: `refused` means that it failed before anything was touched.
        error: what failed.
        undo_error: what failed on the way back.
    """

    kind: Literal["deployed", "refused", "rolled back", "failed"]
    error: MorphopsError | None = None
    undo_error: MorphopsError | None = None


class Observer(Protocol):
    """Is told how a plan goes."""

    def step(self, number: int, total: int, text: str) -> None:
        """A step begins."""

    def note(self, text: str) -> None:
        """Something to watch inside of a step."""

    def undoing(self, error: MorphopsError) -> None:
        """A step failed, and the way back begins."""


class Signals:
    """Turns SIGINT and SIGTERM into `Interrupted`, at a moment that leaves things whole."""

    def __init__(self) -> None:
        self._received = 0
        self._shields = 0

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside of the block; only possible in the main thread."""
        before = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Hold a signal back until the end of the block."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        self._raise()

    def forget(self) -> None:
        """The signal was acted upon."""
        self._received = 0

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        if not self._shields:
            self._raise()

    def _raise(self) -> None:
        if self._received and not self._shields:
            number = self._received
            raise Interrupted(f"interrupted by {signal.Signals(number).name}", signum=number)


def run(
    todo: plan.Plan,
    scene: Scene,
    undo_scene: Scene | None,
    *,
    target: Target,
    project: str,
    announce: Callable[[str], None],
    observer: Observer,
    signals: Signals,
) -> Outcome:
    """Run a plan to its end, or back.

    Args:
        todo: the plan.
        scene: what its steps work on.
        undo_scene: what the steps of its undo work on; none where that needs nothing.
        target: where.
        project: the project's name on the target.
        announce: journals a step before it is done.
        observer: is told how it goes.
        signals: holds Ctrl-C back where it must.
    """
    touched = False
    try:
        total = len(todo.steps)
        for number, step in enumerate(todo.steps, start=1):
            observer.step(number, total, str(step))
            announce(str(step))
            if isinstance(step, plan.TOUCHING):
                touched = True
                with signals.shielded():
                    _do(step, scene, target, project, observer)
            else:
                _do(step, scene, target, project, observer)
    except Exception as raised:
        if not touched:
            if not isinstance(raised, MorphopsError):
                raise
            return Outcome("refused", raised)
        error = _expected(raised)
        if todo.undo is None:
            return Outcome("failed", error)
        signals.forget()
        observer.undoing(error)
        return _undo(todo.undo, undo_scene, error, target, project, announce, observer, signals)
    return Outcome("deployed")


def _expected(raised: Exception) -> MorphopsError:
    """A bug of ours must not keep the old release from coming back."""
    if isinstance(raised, MorphopsError):
        return raised
    bug = Bug(f"{type(raised).__name__}: {raised}")
    bug.__cause__ = raised
    return bug


def _undo(
    undo: plan.Plan,
    scene: Scene | None,
    error: MorphopsError,
    target: Target,
    project: str,
    announce: Callable[[str], None],
    observer: Observer,
    signals: Signals,
) -> Outcome:
    try:
        with signals.shielded():  # a second Ctrl-C must not leave half of each
            for number, step in enumerate(undo.steps, start=1):
                observer.step(number, len(undo.steps), f"undo: {step}")
                announce(f"undo: {step}")
                _do(step, scene, target, project, observer)
            signals.forget()
    except Exception as raised:
        return Outcome("failed", error, _expected(raised))
    return Outcome("rolled back", error)


def _do(
    step: plan.Step, scene: Scene | None, target: Target, project: str, observer: Observer
) -> None:
    match step:
        case plan.Teardown():
            target.teardown(project)
            return
        case plan.Remove():
            target.remove(project, step.services)
            return
        case _ if scene is None:
            raise AssertionError(f"{step} needs files and values")
        case plan.Pull():
            pull(step, target, observer)
        case plan.Check() | plan.Gate():
            probe = scene.bundle.probes[step.probe]
            reading = probes.run(step.probe, probe, scene.world, observer.note)
            observer.note(reading.reason)
        case plan.Start():
            target.start(scene.stack, step.services)
        case plan.AwaitHealth():
            await_health(step, target, project, observer)
        case plan.Verify():
            verify(scene, target, project)


def pull(step: plan.Pull, target: Target, observer: Observer) -> None:
    """Fetch an image unless it is here, and hold it."""
    if target.has(step.image):
        observer.note(f"{step.image.name} is here already")
    else:
        target.pull(step.image, observer.note)
    target.hold(step.image, step.tag)


def await_health(step: plan.AwaitHealth, target: Target, project: str, observer: Observer) -> None:
    """Wait for health by the target's events.

    Raises:
        GateFailed: with the last health output and the last log lines of what is not ready.
    """
    end = time.monotonic() + step.deadline
    told = ""
    with target.watch(project) as watch:
        while True:
            running = target.observe(project)
            reading = health.read(running, step.services)
            if reading.ready:
                return
            left = end - time.monotonic()
            if reading.final or left <= 0:
                waited = "" if reading.final else f" within {step.deadline:g} s"
                raise GateFailed(
                    f"not healthy{waited}: {reading.reason}",
                    detail=evidence(running, step.services, target),
                )
            if reading.reason != told:
                told = reading.reason
                observer.note(f"waiting: {told}")
            watch.wait(min(left, _RELOOK))


def evidence(running: Running, services: tuple[str, ...], target: Target) -> tuple[str, ...]:
    """The last words of each container that is not ready, already redacted."""
    lines: list[str] = []
    for container in running.containers:
        if container.service not in services or container.ready:
            continue
        if container.health_output.strip():
            lines.append(f"last health check of {container.service}:")
            lines += [f"  {line}" for line in container.health_output.strip().splitlines()[-5:]]
        lines.append(f"last log lines of {container.service}:")
        lines += [f"  {line}" for line in target.logs(container, _LOG_LINES)] or ["  (none)"]
    return tuple(lines)


def verify(scene: Scene, target: Target, project: str) -> None:
    """Compare what runs with the release.

    Raises:
        GateFailed: it is something else.
    """
    running = target.observe(project)
    differing = plan.mismatches(scene.release, scene.services, running)
    if differing:
        raise GateFailed("what runs is not what was released", detail=differing)
