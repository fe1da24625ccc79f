"""Histories as they come about: operations that are cut off anywhere, by a kill or by an engine
that does not answer, are taken up again, and cut off again.

At every point where the world may stop, the history is the engine's own and a state that recovery
knows; and what cannot have come about so is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphops.adapters import actor
from morphops.adapters.signals import Signals
from morphops.adapters.store import segments
from morphops.adapters.store.history_file import HistoryReader
from morphops.core.history import checkpoint, heads, operations, recovery
from morphops.core.history.heads import Head
from morphops.core.history.operations import Kind, Outcome, Past, Record
from morphops.errors import EngineCallFailed, EngineUnavailable, MorphopsError, PreconditionError
from morphops.operations.pipeline.session import Session
from morphops.site import Site
from tests.fakes import Grip, Recorder

pytestmark = pytest.mark.unmeasured

COMMANDS = (
    *("deploy", "deploy", "rollback", "up", "down", "prune", "approve", "revoke", "adopt", "break"),
    *("resume", "resume", "abort", "abort"),
)
FATES = ("ok", "ok", "ok", "ok", "ok", "lost", "refused", "kept", "killed", "killed after")
ENDS: dict[str, Outcome] = {
    "down": "stopped",
    "prune": "pruned",
    "approve": "recorded",
    "revoke": "recorded",
    "adopt": "adopted",
    "break": "broken",
}


class Killed(BaseException):
    """The process is gone; nothing that would be done on the way out is done."""


class World:
    """An engine that keeps a head, a disk that keeps a history, and what is true of both.

    Attributes:
        head: what the engine keeps.
        cut_off: the operation that touches what runs and has no end, as it must be found.
        under_way: the operation of the head, as long as it has no end.
        standing: the approvals.
    """

    def __init__(self, folder: Path, draw: Callable[..., Any]) -> None:
        self.path = folder / "history"
        self.head: Head | None = None
        self.cut_off = self.under_way = 0
        self.standing: set[str] = set()
        self._draw = draw

    # As a `head.Heads`.

    def read(self, project: str) -> Head | None:
        return self.head

    def write(self, project: str, head: Head) -> None:
        self.check()  # written, and not told
        fate = self._draw(st.sampled_from(FATES))
        if fate in ("ok", "kept", "killed after"):
            self.head, self.under_way = head, head.operation
        self.check()
        if fate in ("killed", "killed after"):
            raise Killed
        if fate in ("refused", "kept"):
            raise EngineCallFailed("no answer in time")
        if fate == "lost":
            raise EngineUnavailable("no engine")

    def check(self) -> None:
        """Whoever comes now finds a history that is the engine's, and knows where things stand."""
        history = HistoryReader(self.path)
        entries, records = history.open_entries(), history.records()
        assert history.mismatch(self.head) == ""
        history.prove()
        past = history.past()
        assert checkpoint.stands(past) == checkpoint.stands(Past(records))
        cut = operations.incomplete_operation(past)
        assert (cut.id if cut else 0) == self.cut_off
        if cut is not None:
            assert recovery.describe(cut)
            with pytest.raises(PreconditionError):
                recovery.refuse(records)
        ended = [record for record in records if record.outcome]
        of_record, back = (
            operations.deployment_of_record(records),
            operations.rollback_target(records),
        )
        assert of_record == operations.deployment_of_record(ended)
        assert back is None or back.outcome == "deployed"
        assert back is None or (back == of_record) == (
            operations.abandoned_deploy(records) is not None
        )
        assert set(operations.approvals(records, "")) == self.standing
        if entries:
            last = heads.of(entries)
            assert last.seq == len(history.entries())
            assert last.release == operations.release_of_record(ended)
            assert not last.operation or not records[-1].outcome or last.operation == self.cut_off

    # As people who work here.

    def session(self) -> Session:
        site = SimpleNamespace(
            history=HistoryReader(self.path),
            platform=SimpleNamespace(heads=self),
            bundle=SimpleNamespace(project="p"),
            redact=str,
            observer=Recorder(),
            seed="",
        )
        return Session(cast("Site", site), Grip(actor.holder("x")), Signals())

    def work(self, command: str) -> None:
        """One command, which may come to any end."""
        with suppress(Killed, MorphopsError):
            session = self.session()
            assert session.mismatch() == ""
            with self._unchanged():
                session.catch_up()
            records = session.history.records()
            if command in ("resume", "abort"):
                record = operations.incomplete_operation(records)
                if record is not None:
                    self._take_up(session, record, command)
            else:
                if command not in operations.ALLOWED_WHILE_INCOMPLETE:
                    recovery.refuse(records)
                self._begin(session, cast("Kind", command))
        self.check()

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        before = self.path.read_bytes() if self.path.exists() else b""
        yield
        assert (self.path.read_bytes() if self.path.exists() else b"") == before

    def _begin(self, session: Session, kind: Kind) -> None:
        number = session.history.next_id()
        if kind == "adopt":
            session.adopt()
        touching = kind in operations.TOUCHING
        before = self.cut_off
        # An entry stands there before anybody is told, so what it says is true by then.
        self.cut_off = number if touching else self.cut_off
        subject = self._draw(st.sampled_from("xy")) if kind in ("approve", "revoke") else ""
        release = "sha256:" + self._draw(st.sampled_from("abc")) * 64 if touching else ""
        try:
            record = session.history.begin(kind, release=release, subject=subject, reason="")
        except MorphopsError:
            if not any(r.id == number for r in HistoryReader(self.path).records()):
                self.cut_off = before
            raise
        if touching:
            self._carry_out(session, record, "")
        else:
            self._end(session, record, ENDS[kind])

    def _take_up(self, session: Session, record: Record, how: str) -> None:
        session.history.resume(record, "resume" if how == "resume" else "abort")
        self._carry_out(session, record, "undo: " if how == "abort" else "")

    def _carry_out(self, session: Session, record: Record, prefix: str) -> None:
        """As `engine.run` and `carrying.end` do."""
        touched = bool(prefix)
        outcome: Outcome = "rolled back" if prefix else ENDS.get(record.kind, "deployed")
        try:
            for number in range(self._draw(st.integers(0, 3))):
                touches = touched or bool(self._draw(st.integers(0, 1)))
                session.history.step(record, f"{prefix}step {number}", touches=touches)
                touched = touches
                self._result(session, record)
        except EngineUnavailable:
            if prefix:
                return  # it stays away: still to be finished or undone
            if not touched and record.steps:
                return
            outcome = "rolled back" if touched else "refused"
            if touched:
                session.history.step(record, "undo: step", touches=True)
                self._result(session, record)
        except EngineCallFailed:
            outcome = "failed"
        self._end(session, record, outcome)

    def _result(self, session: Session, record: Record) -> None:
        session.history.result(record, self._draw(st.sampled_from(["ok", "failed"])), 0)
        self.check()
        if not self._draw(st.integers(0, 9)):
            raise Killed

    def _end(self, session: Session, record: Record, outcome: Outcome) -> None:
        if self.cut_off == record.id or record.kind == "adopt":
            self.cut_off = 0
        if record.kind == "approve":
            self.standing.add(record.subject)
        elif record.kind == "revoke":
            self.standing.discard(record.subject)
        session.history.end(record, outcome)


@pytest.mark.parametrize("enough", [1 << 20, 1_500], ids=["one file", "segments"])
@settings(max_examples=settings().max_examples // 3)  # each writes some files
@given(st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=7), st.data())
def test_whatever_comes_about_is_known_and_nothing_else_is(
    tmp_path_factory: pytest.TempPathFactory,
    enough: int,
    commands: list[str],
    data: st.DataObject,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "ENOUGH", enough)
        known_and_nothing_else(World(tmp_path_factory.mktemp("world"), data.draw), commands)


def known_and_nothing_else(world: World, commands: list[str]) -> None:
    for command in commands:
        world.work(command)
    entries = HistoryReader(world.path).open_entries()
    for tail in forged(world):
        assert (heads.mismatch((*entries, *tail), world.head) == "") == possible(world, tail), tail
    known = world.head
    if known is not None:
        for shorter in range(sum(entry["seq"] <= known.seq for entry in entries)):
            assert heads.mismatch(entries[:shorter], known) != ""
        assert heads.mismatch(entries, dataclasses.replace(known, hash="0" * 64)) != ""
    # With an engine that answers, and nobody who kills, all of it is mended.
    mended = World(world.path.parent, lambda strategy: "ok")
    mended.head = world.head
    session = mended.session()
    mended.cut_off, mended.standing = world.cut_off, world.standing
    session.catch_up()
    if entries:
        assert mended.head is not None
        assert (mended.head.seq, mended.head.hash) == (entries[-1]["seq"], entries[-1]["hash"])


def forged(world: World) -> Iterator[tuple[dict[str, Any], ...]]:
    """What somebody may have written behind a history by hand: one entry, or two that fit."""
    records = HistoryReader(world.path).records()
    singles = [line for id_ in range(1, len(records) + 3) for line in lines(id_)]
    entries = HistoryReader(world.path).open_entries()
    for first in singles:
        if not reads((*entries, first)):
            continue
        yield (first,)
        for second in singles:
            if reads((*entries, first, second)):
                yield first, second


def lines(id_: int) -> Iterator[dict[str, Any]]:
    me = {"id": id_, "hash": "f"}
    who = {"user": "u", "host": "h"}
    values = {"release": "", "deployment": 0, "fingerprint": "", "reason": "", "began": "t"}
    for kind in ("deploy", "prune", "approve", "adopt", "break"):
        yield {**me, **who, **values, "entry": "begin", "kind": kind}
    yield {**me, "entry": "step", "at": "t", "step": "s"}
    yield {**me, "entry": "result", "at": "t", "result": "ok", "took": 0}
    yield {**me, **who, "entry": "resume", "at": "t", "how": "resume"}
    yield {**me, "entry": "end", "ended": "t", "outcome": "deployed", "error": ""}


def reads(entries: tuple[dict[str, Any], ...]) -> bool:
    try:
        checkpoint.past(entries)
    except (KeyError, TypeError, ValueError):
        return False
    return True


def possible(world: World, tail: tuple[dict[str, Any], ...]) -> bool:
    """Whether a crash right now can leave this behind, and behind what it left already."""
    told = world.head.seq if world.head else 0
    entries = (e for e in HistoryReader(world.path).open_entries() if e["seq"] > told)
    left = (*(e for e in entries if not checkpoint.is_one(e)), *tail)
    first = left[0]
    if all(entry["id"] == world.under_way for entry in left) and first["entry"] != "begin":
        return True
    if len(left) > 1:
        return False
    if first["entry"] == "begin":
        if world.cut_off and first["kind"] not in ("adopt", "break"):
            return False
        return bool(first["id"] == len(HistoryReader(world.path).records()) + 1)
    return bool(first["entry"] == "resume" and first["id"] == world.cut_off)
