"""The lock: its program and image, what a refused one is told, when it is lost."""

from __future__ import annotations

import dataclasses
import fcntl
import io
import json
import os
import platform
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import actor
from morphops.adapters.docker import lock_image
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.lock import EngineHeld, EngineLock
from morphops.adapters.docker.lock import LockProcess as EngineGrip
from morphops.core import lock
from morphops.core.history import recovery
from morphops.core.history.heads import Head, of
from morphops.core.history.operations import Kind, Record
from morphops.core.lock import Holder
from morphops.errors import (
    EngineCallFailed,
    EngineUnavailable,
    InputError,
    Interrupted,
    LockLost,
    PreconditionError,
)
from morphops.operations.lock import take_away
from morphops.operations.pipeline.session import Session, demand_reason, exclusive
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Grip, Place, Remembering, grip
from tests.paths import ROOT

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")


@pytest.mark.skipif(not ARCHITECTURE, reason="no program for this machine")
def test_the_program_lives_as_long_as_its_input(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    hold.write_bytes(lock_image.program(ARCHITECTURE))
    hold.chmod(0o755)
    process = subprocess.Popen([hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == lock_image.SAYS
    process.stdin.write(b"x" * 5000)  # what is written to it is read, and means nothing
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.stdin.close()
    assert process.wait(20) == 0


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_the_image_is_the_same_each_time_and_holds_one_file(architecture: str) -> None:
    data = lock_image.archive(architecture)
    assert data == lock_image.archive(architecture)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {
            name: stream.read() for name in tar.getnames() if (stream := tar.extractfile(name))
        }
    (manifest,) = json.loads(files["manifest.json"])
    assert manifest["RepoTags"] == [lock_image.reference()]
    assert json.loads(files["config.json"])["config"]["User"] == "65534:65534"
    with tarfile.open(fileobj=io.BytesIO(files["layer.tar"])) as layer:
        (hold,) = layer.getmembers()
        assert (hold.name, hold.mode) == ("hold", 0o555)
    assert len(data) < 30_000


def test_an_architecture_without_a_program() -> None:
    with pytest.raises(EngineUnavailable, match="s390x cannot hold a lock"):
        lock_image.archive("s390x")


def test_who_is_refused_is_told_by_whom() -> None:
    me = actor.holder("deploy 123", "because")
    error = lock.refusal(me)
    assert f"deploy 123 (because), by {me.user} on {me.host} (pid {me.pid}), since " in error.what
    assert "--wait-lock" in error.hint
    assert "waited 3 s" in lock.refusal(me, waited=3).what
    assert "started by the operation that holds the lock" in lock.refusal(me, me.token).what
    assert "only just begun" in lock.refusal(None).what
    assert me.token not in error.message()


def test_what_is_no_utf8_is_held_as_the_place_gives_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An argument of other bytes has surrogates, which no engine keeps."""
    monkeypatch.setenv("SUDO_USER", "ren\udce9")
    me = actor.holder("deploy \udcff", "caf\udce9")
    assert (me.what, me.reason, me.user) == ("deploy ?", "caf?", "ren?")
    for field in dataclasses.astuple(me):
        str(field).encode()


def test_the_lock_is_ours_by_its_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever an engine makes of the other labels, nobody else has it."""
    me = actor.holder("deploy", "because")
    place = EngineLock(Docker())
    grip = EngineGrip(Docker(), "project", me)
    monkeypatch.setattr(grip, "runs", lambda: True)
    for there, ours in (
        (me, True),
        (dataclasses.replace(me, reason="b\ufffdcause", user="x", pid=0), True),
        (dataclasses.replace(me, token="another"), False),
        (None, False),
    ):
        monkeypatch.setattr(place, "holder", lambda project, there=there: there)
        assert EngineHeld(place, grip).alive() == ours


def begun(site: Site, what: str, kind: Kind) -> tuple[Holder, Record]:
    """An operation without an end, and who held the lock when it began."""
    with exclusive(site, what) as session:
        return grip(site).holder, session.history.begin(kind, reason="")


def test_whether_a_holder_is_at_an_operation(site: Site) -> None:
    me, record = begun(site, "deploy 0123456789ab", "deploy")
    assert me.owns(record)
    # An adjusted clock says nothing.
    assert dataclasses.replace(me, since="2099-01-01T00:00:00+00:00").owns(record)
    for what in (lock.RESUME, lock.ABORT):
        assert actor.holder(what).owns(record)
    # Whoever came later found it cut off, and is about to be refused, or does something else.
    for what in ("deploy 0123456789ab", "pull 0123456789ab", "prune", "history.adopt"):
        later = dataclasses.replace(actor.holder(what), since=me.since)
        assert not later.owns(record)
    assert not me.owns(dataclasses.replace(record, lock=""))  # nobody knows under which


def test_the_history_lets_nobody_in(site: Site) -> None:
    me, record = begun(site, "up", "up")
    assert record.lock == me.token_digest
    assert site.history.records()[0].lock == me.token_digest
    assert me.token not in site.history.path.read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    place = open_site(Reporter(True), environ)
    return place.on(lock=Place(), heads=Remembering())


def heads(site: Site) -> list[Head]:
    assert isinstance(site.platform.heads, Remembering)
    return site.platform.heads.heads


def test_an_engine_that_was_restarted_lets_go_and_the_lock_is_taken_again(site: Site) -> None:
    with exclusive(site, "deploy") as session:
        record = session.history.begin("deploy", reason="")
        grip(site).runs = False
        session.history.step(record, "start wave 1")
        assert grip(site).takes == 2
        session.history.end(record, "deployed")
    assert [told.seq for told in heads(site)] == [1, 2, 3]


def test_somebody_else_was_faster(site: Site) -> None:
    with exclusive(site, "deploy") as session:
        record = session.history.begin("deploy", reason="")
        grip(site).other = actor.holder("rollback")
        with pytest.raises(LockLost, match="rollback, by"):
            session.history.step(record, "start wave 1")
    assert len(site.history.records()[0].steps) == 0


def test_an_engine_that_was_restarted_before_it_kept_the_head(site: Site) -> None:
    """Nobody else was there: the head is either the one before or the one that was to be kept."""
    kept = site.platform.heads
    assert isinstance(kept, Remembering)
    for lost in (True, False):
        with exclusive(site, "deploy") as session:
            record = session.history.begin("deploy", reason="")

            def gone(project: str, last: Head, lost: bool = lost) -> None:
                if not lost:
                    kept.heads.append(last)
                raise EngineUnavailable("restarted")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(kept, "write", gone)
                with pytest.raises(EngineUnavailable):
                    session.history.step(record, "start wave 1")
            grip(site).runs = False
            session.history.step(record, "undo: start wave 1")
            session.history.end(record, "rolled back")


class Slow:
    """A `Heads` whose engine does not answer in time while `away`; `kept`: but writes all the
    same."""

    def __init__(self, heads: Remembering) -> None:
        self.heads = heads
        self.away = 0
        self.kept = False

    def read(self, project: str) -> Head | None:
        return self.heads.read(project)

    def latest(self, project: str) -> Head | None:
        return self.heads.latest(project)

    def write(self, project: str, head: Head) -> None:
        if not self.away or self.kept:
            self.heads.write(project, head)
        if self.away:
            self.away -= 1
            raise EngineCallFailed("could not keep the head of the history")


@pytest.mark.parametrize("kept", [False, True])
def test_an_engine_that_does_not_answer_once_is_asked_again(site: Site, kept: bool) -> None:
    assert isinstance(site.platform.heads, Remembering)
    slow = Slow(site.platform.heads)
    slow.kept = kept
    site = site.on(heads=slow)
    with exclusive(site, "deploy") as session:
        slow.away = 1
        record = session.history.begin("deploy", reason="")
        slow.away = 1
        session.history.step(record, "pull")
    told = of(site.history.entries())
    assert site.platform.heads.read("") == dataclasses.replace(told, operation=1, step="pull")


def test_an_engine_that_cannot_be_told_leaves_a_way_on_each_time(site: Site) -> None:
    """The entry stands there and the engine knows nothing of it: as often as it takes."""
    assert isinstance(site.platform.heads, Remembering)
    slow = Slow(site.platform.heads)
    site = site.on(heads=slow)
    with exclusive(site, "deploy") as session:
        slow.away = 2
        with pytest.raises(EngineCallFailed) as caught:
            session.history.begin("deploy", reason="")
    assert caught.value.state == "operation 1 is announced in the history; nothing was touched"
    assert caught.value.hint == recovery.NEXT
    for _ in range(2):
        before = site.history.entries()
        slow.away = 2
        with pytest.raises(EngineCallFailed) as caught:
            exclusive(site, lock.ABORT).__enter__()
        assert caught.value.state == "this command changed nothing"
        assert "the same command again" in caught.value.hint
        assert site.history.entries() == before
    with exclusive(site, lock.ABORT) as session:
        (record,) = session.history.records()
        assert site.platform.heads.read("") == of(site.history.entries())
        slow.away = 2
        with pytest.raises(EngineCallFailed) as caught:
            session.history.resume(record, "abort")
        assert (caught.value.state, caught.value.hint) == (
            "the operation is as it was",
            recovery.NEXT,
        )
    with exclusive(site, lock.ABORT) as session:
        session.history.resume(record, "abort")
        slow.away = 2
        session.history.end(record, "refused")  # that it could not be told of it is shown
    with exclusive(site, "approval.grant") as session:
        slow.away = 2
        with pytest.raises(EngineCallFailed) as caught:
            session.history.begin("approve", subject="x", reason="y")
    assert caught.value.hint == "inv status; then the same once more"
    with exclusive(site, "approval.grant"):
        assert site.platform.heads.read("") == of(site.history.entries())


def test_a_lock_that_was_taken_and_cannot_be_journalled(site: Site) -> None:
    """It is said that the lock was taken, whatever keeps the history from saying so."""
    assert isinstance(site.platform.lock, Place)
    holder = actor.holder("deploy")
    site.platform.lock.grip = Grip(holder)
    with exclusive(site, "deploy") as session:
        session.history.begin("deploy", reason="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.posix_fallocate", full)
        with pytest.raises(PreconditionError) as caught:
            take_away(site, reason="hangs")
    assert "cannot reserve 64 KiB" in caught.value.what
    assert caught.value.state.startswith("the lock was taken from: deploy, by ")
    assert "not, or not all, in the history" in caught.value.state
    assert "free space" in caught.value.hint
    assert caught.value.hint.endswith("then inv status")
    assert heads(site)[-1].fence == 1


def test_a_holder_that_was_stopped_while_it_wrote(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps the history's file, so that the break cannot be recorded; it is not waited for."""
    monkeypatch.setattr("morphops.adapters.store.hash_chain.PATIENCE", 0.2)
    assert isinstance(site.platform.lock, Place)
    with exclusive(site, "deploy") as session:
        session.history.begin("deploy", reason="")
    with site.history.path.open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(PreconditionError) as caught:
            take_away(site, reason="hangs")
    assert f"process {os.getpid()}" in caught.value.what
    assert "the lock was taken from: deploy, by " in caught.value.state
    assert f"kill -KILL {os.getpid()}" in caught.value.hint


def test_a_lock_that_may_not_have_been_taken(site: Site) -> None:
    class Refusing(Place):
        def steal(self, project: str, holder: Holder) -> None:
            raise EngineCallFailed("could not remove the lock")

    place = Refusing()
    place.grip = Grip(actor.holder("deploy"))
    with pytest.raises(EngineCallFailed) as caught:
        take_away(site.on(lock=place), reason="hangs")
    assert caught.value.state.startswith("the lock may still be held by: deploy, by ")
    assert "inv lock.status" in caught.value.hint


def full(handle: int, offset: int, length: int) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("change", [{"fence": 1}, {"seq": 2, "hash": "x"}])
def test_a_lock_that_is_free_again_after_somebody_was_there(
    site: Site, change: dict[str, Any]
) -> None:
    """It was broken, or somebody took it, did something and let it go: no engine restart."""
    with exclusive(site, "deploy") as session:
        record = session.history.begin("deploy", reason="")
        grip(site).runs = False
        heads(site).append(dataclasses.replace(heads(site)[-1], **change))
        with pytest.raises(LockLost, match="taken away"):
            session.history.end(record, "deployed")
    assert site.history.records()[0].outcome == ""


def test_a_history_that_is_not_the_engines_is_refused(site: Site) -> None:
    site.platform.heads.write("morphogen", Head(seq=7, hash="h"))
    with pytest.raises(PreconditionError, match="not the one that the engine knows of") as caught:
        exclusive(site, "deploy").__enter__()
    assert "inv history.adopt" in caught.value.hint
    with exclusive(site, "pull", aligned=False) as session:
        assert session.found is not None


def test_who_is_interrupted_before_it_begins_has_changed_nothing(site: Site) -> None:
    assert interrupted(lambda: exclusive(site, "deploy"), None) == "nothing was changed"
    assert interrupted(lambda: exclusive(site, "pull", aligned=False), None) == (
        "no container was touched"
    )
    # What says so itself knows better, and what was announced is not nothing.
    assert interrupted(lambda: exclusive(site, "deploy"), None, "as before") == "as before"

    def begin(session: Session) -> None:
        session.history.begin("approve", subject="x", reason="y")

    assert interrupted(lambda: exclusive(site, "approval.grant"), begin) == ""


def test_who_is_interrupted_while_it_waits_for_the_lock(site: Site) -> None:
    class Waiting(Place):
        @contextmanager
        def hold(
            self, project: str, holder: Holder, wait: float = 0, inside: str = ""
        ) -> Iterator[Grip]:
            os.kill(os.getpid(), signal.SIGTERM)
            yield Grip(holder)

    site = site.on(lock=Waiting())
    with pytest.raises(Interrupted) as caught:
        exclusive(site, "deploy").__enter__()
    assert (caught.value.exit_code, caught.value.state) == (143, "nothing was changed")


def interrupted(
    operation: Callable[[], AbstractContextManager[Session]],
    first: Callable[[Session], None] | None,
    state: str = "",
) -> str:
    """The state that an operation ends with that is interrupted after it did something first."""
    try:
        with operation() as session:
            if first:
                first(session)
            raise Interrupted("interrupted by SIGINT", signum=2, state=state)
    except Interrupted as err:
        return err.state


def test_without_a_reason() -> None:
    demand_reason("a drill", "rollback")
    for nothing in ("", "  "):
        with pytest.raises(InputError, match="rollback needs a reason") as caught:
            demand_reason(nothing, "rollback")
        assert caught.value.hint == 'inv rollback --reason="…"'
