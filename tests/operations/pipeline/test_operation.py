"""An operation that is carried out ends, its end is recorded, and what is said of it is true."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from morphops.adapters import actor, signals
from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.history.operations import Kind, Record
from morphops.core.plan import plan, steps
from morphops.core.plan.changes import Action, Change
from morphops.errors import (
    EngineCallFailed,
    Interrupted,
    LockLost,
    MorphopsError,
    RollbackFailed,
    RolledBack,
)
from morphops.operations.pipeline import evidence, execute, rollback
from morphops.operations.pipeline import operation as operation_module
from morphops.operations.pipeline.conclude import failure
from morphops.operations.pipeline.execute import Outcome
from morphops.operations.pipeline.operation import Operation, take_down
from morphops.operations.pipeline.rollback import AutomaticRollback
from morphops.operations.pipeline.session import Session
from morphops.site import Site, open_site
from tests.fakes import Grip, Recorder, Remembering
from tests.machine import send
from tests.operations.pipeline.world import Upgrade, bug, fail, failing_once, gone
from tests.paths import STACK
from tests.samples.plans import back_to, decided
from tests.samples.releases import digest

SECRET = "sk-sentinel-8c1f0e5d"


@pytest.fixture
def world() -> Upgrade:
    return Upgrade()


@pytest.fixture
def site(tmp_path: Path, world: Upgrade, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The test stack; what its state folder holds need not outlive a power cut."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    environ = {
        "MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    made = open_site(world.observer, environ).on(heads=Remembering())
    made.state.ensure()
    return made


def operation(
    site: Site,
    world: Upgrade,
    *,
    undo: bool = True,
    around: AbstractContextManager[object] | None = None,
) -> MorphopsError | None:
    """A deploy, from its announcement on; what it ends with."""
    site = site.on(workloads=world.target, images=world.target)
    session = Session(site, Grip(actor.holder("deploy")), world.signals)
    back = back_to(world.bundle, world.old.release.digest, world.old.services, deployment=1)
    todo = decided(
        world.bundle,
        world.new.release,
        world.new.services,
        world.model,
        deployment=2,
        undo=back if undo else None,
    )
    with world.signals.handled():
        world.signals.mask()
        record = session.history.begin("deploy", release=todo.release, deployment=2, reason="x")
        try:
            with around or nullcontext():
                Operation(site, session, record).execute(todo, world.new, world.old)
        except MorphopsError as err:
            return err
    return None


def failed(site: Site, world: Upgrade, *, undo: bool = True) -> MorphopsError:
    """The same, of which it is known that it fails."""
    error = operation(site, world, undo=undo)
    assert error is not None
    return error


def outcome(site: Site) -> str:
    """What the history has of the last operation."""
    return site.history.records()[-1].outcome


def test_a_bug_before_anything_is_touched_ends_the_operation(site: Site, world: Upgrade) -> None:
    def tells() -> None:
        raise RuntimeError(f"no such token: {SECRET}")

    site.redact.learn([SECRET])
    world.target.on["pull api"] = tells
    error = failed(site, world)
    assert error.message().splitlines()[0] == "RuntimeError: no such token: REDACTED"
    assert (error.exit_code, error.state) == (1, "no container was touched")
    assert any("test_operation.py" in line for line in error.detail)
    assert (outcome(site), site.history.records()[0].error) == ("refused", error.what)


def test_a_file_system_that_is_full_is_no_bug(site: Site, world: Upgrade) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    world.target.on["pull api"] = full
    error = failed(site, world)
    assert (error.exit_code, error.what) == (3, "this machine refuses: No space left on device")
    assert outcome(site) == "refused"


@pytest.mark.parametrize(
    ("fails", "ended"), [(None, "deployed"), ("start api", "rolled back"), ("pull api", "refused")]
)
def test_a_lock_that_is_lost_when_all_was_done(
    site: Site, world: Upgrade, monkeypatch: pytest.MonkeyPatch, fails: str | None, ended: str
) -> None:
    def lost(*args: object) -> None:
        raise LockLost("somebody else has it")

    monkeypatch.setattr(HistoryWriter, "end", lost)
    if fails:
        world.target.on[fails] = failing_once(world, fails)
    error = failed(site, world)
    assert (outcome(site), error.what) == ("", "somebody else has it")
    if ended == "refused":
        assert (error.exit_code, error.state) == (3, "no container was touched")
    else:
        assert error.exit_code == 5
        assert error.state == f"it came to its end ({ended}); in the history it is incomplete"
    assert error.detail == (("the engine said no",) if ended == "rolled back" else ())


def test_an_engine_that_is_away_when_nothing_was_touched(
    site: Site, world: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "PATIENCE", 0)
    world.target.on["pull api"] = gone
    world.target.away = 100
    error = failed(site, world)
    assert (error.exit_code, outcome(site)) == (3, "")
    assert error.state == "no container was touched; in the history it is incomplete"
    assert "inv abort" in error.hint


def test_the_next_command_is_one_that_works(site: Site, world: Upgrade) -> None:
    world.target.on["start api"] = fail
    first = failed(site, world, undo=False)
    assert first.state.startswith("nothing was undone: ")
    assert first.hint == "inv logs; inv down, or deploy another one"
    del world.target.on["start api"]
    assert operation(site, world) is None
    world.target.containers.pop("api")
    world.target.on["start api"] = fail
    second = failed(site, world, undo=False)
    assert second.hint.startswith("inv logs; inv up --reason=…")


def test_a_way_back_that_fails_leaves_evidence_too(site: Site, world: Upgrade) -> None:
    def undo_fails() -> None:
        world.target.on["start db"] = bug
        fail()

    world.target.on["start api"] = undo_fails
    error = failed(site, world)
    assert (error.exit_code, outcome(site)) == (5, "failed")
    assert "the rollback failed too: RuntimeError: nobody thought of this" in error.detail
    first, second = sorted((site.state.root / "failures").iterdir())
    assert error.detail[-2:] == (f"evidence: {first}", f"evidence: {second}")
    assert (first / "error.txt").read_text().startswith("the engine said no")
    assert (second / "error.txt").read_text().startswith("RuntimeError: nobody thought")
    assert evidence.folder_of(site, site.history.records()[-1]) == first


def test_a_way_back_that_cannot_be_fetched(site: Site, world: Upgrade) -> None:
    """A deploy does not begin without it; who goes back already has to go on without it."""
    pull = steps.Pull(world.old.release.images[0], digest("0"))
    undo = back_to(
        world.bundle, world.old.release.digest, world.old.services, deployment=1, missing=[pull]
    )
    world.target.on["pull api"] = fail
    with pytest.raises(EngineCallFailed) as caught:
        execute.pull(undo.missing_images[0], world.target, "shop", world.observer)
    assert caught.value.what == (
        "api of 000000000000, needed for an automatic rollback, is no longer on the engine: "
        "the engine said no"
    )
    assert "--no-rollback" in caught.value.hint
    site = replace(site, observer=world.observer).on(workloads=world.target, images=world.target)
    assert rollback.fetch_missing(site, AutomaticRollback(undo)) is None
    assert world.observer.lines[-1].startswith(
        "there is no automatic rollback to 000000000000: api of "
    )
    del world.target.on["pull api"]
    fetched = rollback.fetch_missing(site, AutomaticRollback(undo))
    assert fetched == AutomaticRollback(replace(undo, missing_images=()))
    assert world.target.held == {str(pull.image.ref)}


def begun(site: Site, world: Upgrade, kind: Kind) -> tuple[Site, Session, Record]:
    """An operation that was announced, and what it works with."""
    site = site.on(workloads=world.target, images=world.target)
    session = Session(site, Grip(actor.holder(kind)), world.signals)
    session.signals.mask()
    return site, session, session.history.begin(kind, reason="x")


def test_a_stop_that_fails(site: Site, world: Upgrade) -> None:
    world.target.on["teardown"] = fail
    with pytest.raises(RollbackFailed) as caught:
        take_down(Operation(*begun(site, world, "down")))
    assert caught.value.state.startswith("not everything was stopped: api of ")
    assert caught.value.hint == "inv status; then inv down again"
    (folder,) = (site.state.root / "failures").iterdir()
    assert caught.value.detail == (f"evidence: {folder}",)
    assert outcome(site) == "failed"


def test_an_abort_that_fails(site: Site, world: Upgrade) -> None:
    world.target.on["start db"] = fail
    back = back_to(world.bundle, world.old.release.digest, world.old.services, deployment=1)
    with pytest.raises(RollbackFailed) as caught:
        Operation(*begun(site, world, "deploy"), aborting=True).execute(back, world.old, None)
    assert caught.value.what == "the rollback failed: the engine said no"
    assert caught.value.state.startswith("api of ")
    (folder,) = (site.state.root / "failures").iterdir()
    assert caught.value.detail == (f"evidence: {folder}",)
    assert "undo: start wave 1: db" in (folder / "history.json").read_text()


@pytest.mark.parametrize("aborting", [False, True])
def test_neither_a_stop_nor_an_abort_is_cut_short(site: Site, aborting: bool) -> None:
    for number in range(1, 100_000):
        world, at = Upgrade(), At(number)
        where, session, record = begun(site, world, "down")
        with world.signals.handled(), at:
            if aborting:
                with session.signals.shield():
                    Operation(where, session, record, aborting=True).execute(
                        plan.teardown(), None, None
                    )
            else:
                take_down(Operation(where, session, record))
        assert outcome(site) == ("rolled back" if aborting else "stopped")
        site.history.path.unlink()
        if not at.sent:
            break


def test_an_engine_that_is_slow_is_not_asked_for_all_of_it(
    site: Site, world: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "ENOUGH", 0)
    world.target.on["start api"] = failing_once(world, "start api")
    assert isinstance(failed(site, world), RolledBack)
    (folder,) = (site.state.root / "failures").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert names == {"error.txt", "plan.json", "history.json", "containers.json"}
    assert any(line.startswith("the evidence is not whole: ") for line in world.observer.lines)


class EachLine:
    """Is told of each line that is run of the modules through which an operation goes."""

    def __enter__(self) -> None:
        self._before = sys.gettrace()  # that of a measurement of coverage
        sys.settrace(self._trace)

    def __exit__(self, *raised: object) -> None:
        sys.settrace(self._before)

    def line(self, frame: FrameType) -> None:
        """It is about to be run."""
        raise NotImplementedError

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in _THROUGH:
            inside = frame.f_code.co_filename == contextlib.__file__
            inside &= frame.f_back is not None and frame.f_back.f_code.co_filename in _THROUGH
            if not inside:
                return None
        if event == "line":
            self.line(frame)
        return self._trace


class At(EachLine):
    """Sends a signal at the n-th line.

    Attributes:
        sent: whether there were so many.
    """

    def __init__(self, at: int) -> None:
        self.sent = False
        self._left = at

    def line(self, frame: FrameType) -> None:
        self._left -= 1
        if not self._left:
            self.sent = True
            sys.settrace(None)
            send()  # raises here, in that line, where signals are heard


class Different(EachLine):
    """Notes which lines are not like one before: another place, another caller, another phase.

    Args:
        phase: what the operation does; None for what need not be noted.

    Attributes:
        numbers: of these lines, each the first of its kind.
    """

    def __init__(self, phase: Callable[[], str | None]) -> None:
        self.numbers: list[int] = []
        self._phase, self._kinds, self._passed = phase, set[object](), 0

    def line(self, frame: FrameType) -> None:
        self._passed += 1
        phase = self._phase()
        kind = (phase, *_callers(frame))
        if phase is not None and kind not in self._kinds:
            self._kinds.add(kind)
            self.numbers.append(self._passed)


def _callers(frame: FrameType) -> Iterator[tuple[str, int]]:
    """The line that is run, and those of the same modules that lead to it."""
    yield frame.f_code.co_filename, frame.f_lineno
    back = frame.f_back
    while back is not None:
        if back.f_code.co_filename in _THROUGH:
            yield back.f_code.co_filename, back.f_lineno
        back = back.f_back


_THROUGH = {
    operation_module.__file__,
    execute.__file__,
    signals.__file__,
}


def nothing_more(world: Upgrade) -> None:
    """It works."""


# Until this happens they are like an operation that works, so only what comes then is told apart.


def fails(world: Upgrade) -> None:
    """It fails when containers were touched, and goes back."""

    world.target.on["start api"] = failing_once(world, "start api")


def interrupted(world: Upgrade) -> None:
    """It is interrupted in a wait already, and goes back."""

    def once() -> None:
        del world.target.on["watch"]
        send(signal.SIGINT)

    world.target.on["watch"] = once


@pytest.mark.parametrize(("action", "code"), [("keep", 130), ("replace", 5)])
def test_a_wait_without_a_way_back_is_interrupted(
    site: Site, world: Upgrade, action: Action, code: int
) -> None:
    """As that of `up` where everything runs: nothing was done that could be half done."""
    todo = plan.Plan(digest("1"), 1, (), (Change(service="db", action=action),))
    cut = Outcome("failed", Interrupted("interrupted by SIGINT", signum=signal.SIGINT))
    error = failure(site.on(workloads=world.target, images=world.target), todo, cut)
    assert error.exit_code == code
    nothing = "nothing was changed: " if code == 130 else "nothing was undone: "
    assert error.state.startswith(nothing)
    assert "db of " in error.state


# In a generator that Python throws away, somebody is interrupted of whom nobody hears.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.unmeasured
@pytest.mark.parametrize("happens", [nothing_more, fails, interrupted])
def test_at_every_line(
    site: Site, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Upgrade], None]
) -> None:
    """The operation comes to an end, that is recorded, and what runs is what its end says.

    Once at each line, for each way to it, and once more where a step is under way that a signal
    meets otherwise.
    """
    monkeypatch.setattr(evidence, "keep", lambda *args, **options: None)  # it takes long
    world = Upgrade()
    happens(world)
    lines = Different(lambda: None if world.target.on else phase(site))
    operation(site, world, around=lines)
    answered = set()
    for number in (*lines.numbers, 100_000):
        world = Upgrade()
        happens(world)
        before = world.model
        site.history.path.unlink(missing_ok=True)
        at = At(number)
        error = operation(site, world, around=at)
        (record,) = site.history.records()
        answered.add((record.outcome, type(error)))
        if error is None:
            assert record.outcome == "deployed"
            assert {c.config for c in world.model.containers} == {"new"}
        else:
            assert record.outcome in ("refused", "rolled back"), (number, error)
            assert world.model == before
        assert at.sent == (number in lines.numbers)
    ends: dict[object, set[tuple[str, object]]] = {
        nothing_more: {
            ("refused", Interrupted),
            ("rolled back", Interrupted),
            ("deployed", type(None)),
        },
        fails: {("rolled back", Interrupted), ("rolled back", RolledBack)},
        interrupted: {("rolled back", Interrupted)},
    }
    assert answered == ends[happens]


# Pulls hear a signal and touch nothing, what touches containers does not hear it, waits do.
PHASES = {"pull": "pull", "remove": "touch", "start": "touch", "wait": "wait", "verify": "wait"}


def phase(site: Site) -> str:
    """What the operation does, by the last step that was told of."""
    assert isinstance(site.observer, Recorder)
    told = (re.fullmatch(r"\d+/\d+ (undo: )?(\w+) .*", line) for line in site.observer.lines)
    steps = [match for match in told if match]
    return "" if not steps else "undo" if steps[-1][1] else PHASES[steps[-1][2]]
