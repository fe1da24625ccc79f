"""History: what was intended and what happened, append-only.

One JSON object a line in a hash chain (`chain`), fsynced before what it announces is done. It lies
in segments (`segments`). Each segment but the first begins with a checkpoint.

- `begin`: an operation starts: kind, release, plan, deployment, who, why
- `step`: a step of it is about to be done
- `result`: how that step came out, and how long it took
- `resume`: an incomplete operation is taken up again, to finish it or to undo it: who
- `end`: how it came out
- `checkpoint`: what follows from all operations before

`operations` makes operations of the entries, and answers what follows from them.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from morphops.adapters.actor import now, sound, user
from morphops.adapters.store import segments
from morphops.adapters.store.segments import Segments, not_ours
from morphops.core.chain import Place
from morphops.core.history import checkpoint, heads, operations, recovery
from morphops.core.history.checkpoint import Replay
from morphops.core.history.heads import FIRST, Head
from morphops.core.history.jobs import JobMark
from morphops.core.history.operations import (
    ALLOWED_WHILE_INCOMPLETE,
    END_FIELDS,
    TOUCHING,
    Approved,
    Kind,
    Outcome,
    Past,
    Record,
    ValuesRecord,
    apply_entry,
    next_id,
    release_of_record,
)
from morphops.errors import IntegrityError, LockLost, PreconditionError
from morphops.interfaces import LockGuard

_ASKING = ("deploy", "rollback", "up")  # their gates ask questions that are drawn


@dataclass(frozen=True, slots=True)
class Proof:
    """A history of which every entry is as it was written.

    Attributes:
        entries: how many there are.
        operations: how many they tell of.
        head: hash of the last one; empty for none.
        past: what they come to.
        noted: of the hashes that were looked for, those that are there.
    """

    entries: int
    operations: int
    head: str
    past: Past
    noted: tuple[str, ...]


class HistoryReader:
    """The history of one state folder, for those who read it. Nothing is read twice.

    What an operation needs is in the open segment: `past`. The rest reads what is sealed as well.
    Every method may raise:

        IntegrityError: a line was edited, dropped or moved, or is not ours; it is named.
        PreconditionError: a file cannot be read.

    Args:
        path: the open segment; it is made by the first entry.
        segments: all files, where they were read from already.
    """

    def __init__(self, path: Path, segments: Segments | None = None) -> None:
        self.path = path
        self.segments = segments or Segments(path)

    def past(self) -> Past:
        """The operations from the last checkpoint on, and what follows from those before."""
        return self.segments.past()

    def open_entries(self) -> tuple[dict[str, Any], ...]:
        """The entries from the last checkpoint on, oldest first."""
        self.segments.past()
        return self.segments.entries()

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Every entry, oldest first."""
        return tuple(entry for _, _, entry in self.segments.forward())

    def entries_back(self) -> Iterator[dict[str, Any]]:
        """Every entry, the newest first; read as far back as is asked for."""
        return self.segments.back()

    def records(self) -> tuple[Record, ...]:
        """Every operation, oldest first."""
        records: dict[int, Record] = {}
        for path, number, entry in self.segments.forward():
            if not (number == 1 and checkpoint.is_one(entry)):
                with _ours(path, number):
                    apply_entry(records, entry)
        return tuple(records.values())

    def last_records(self, limit: int) -> tuple[Record, ...]:
        """The last operations, oldest first; `limit` is at least 1."""
        found: list[dict[str, Any]] = []
        begun: set[int] = set()
        for entry in self.entries_back():
            found.append(entry)
            if entry["entry"] == "begin":
                begun.add(entry["id"])
                if len(begun) == limit:
                    break
        return operations.replay(entry for entry in reversed(found) if entry["id"] in begun)

    def mismatch(self, head: Head | None) -> str:
        """Why this is not the history whose head this is; empty where it is; see `heads`."""
        entries = self.open_entries()
        why = heads.mismatch(entries, head)
        if not why and entries and checkpoint.is_one(entries[0]) and not heads.knows(entries, head):
            self.segments.prove_checkpoint()
        return why

    def prove(self, noted: str = "") -> Proof:
        """Read all of it, and prove that every entry is as it was written.

        Args:
            noted: the beginning of a hash to look for; empty for none.
        """
        replay, count, head, found = Replay(), 0, "", []
        for path, number, entry in self.segments.forward():
            with _ours(path, number):
                replay.take(entry)
            count, head = entry["seq"], entry["hash"]
            if noted and head.startswith(noted):
                found.append(head)
        return Proof(count, replay.operations, head, replay.past, tuple(found))

    def set_aside(self, suffix: str) -> tuple[Path, ...]:
        """Rename all files; see `Segments.set_aside`."""
        return self.segments.set_aside(suffix)

    def next_id(self) -> int:
        """The number of the next operation; stays true only while the lock is held."""
        return next_id(self.past())


@contextmanager
def _ours(path: Path, number: int) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError):
        raise not_ours(path, number) from None


class HistoryWriter(HistoryReader):
    """The same file for the one operation that may write to it.

    Every method returns only when its entry is on the disk and the witness knows of it. Nothing is
    added where another process has written to the file since it was first read. An operation that
    was paused, and lost the lock meanwhile, must not write behind the one that took the lock.

    Args:
        path: the file.
        witness: see there.
        redact: takes secrets out of what people type.
        lock: what marks the lock under which operations begin.
        seed: decides which questions their gates ask; empty for new ones.
        segments: see `HistoryReader`.

    Attributes:
        wrote: whether it has added anything, or was about to.
    """

    def __init__(
        self,
        path: Path,
        witness: LockGuard,
        redact: Callable[[str], str] = str,
        lock: str = "",
        seed: str = "",
        segments: Segments | None = None,
    ) -> None:
        super().__init__(path, segments)
        self._seed = seed
        self._lock = lock
        self._witness = witness
        self._redact = redact
        self.wrote = False
        self._of_record = ""
        self._end: Place | None = None  # of the file, as we found it and went on from

    def begin(
        self,
        kind: Kind,
        *,
        release: str = "",
        deployment: int = 0,
        values: ValuesRecord = ValuesRecord(),  # noqa: B008 - a frozen value
        plan: str = "",
        subject: str | Approved = "",
        reason: str,
    ) -> Record:
        """Announce an operation; before it, seal what has become long.

        One that asks questions has a seed that decides which.

        Raises:
            LockLost: it is not ours to begin any more.
            PreconditionError: it cannot be announced, or the engine cannot store its head; the
                error says which, and so what is left to do.
        """
        self._seal(kind)
        id_ = self.next_id()
        record = Record(
            id=id_,
            kind=kind,
            release=release,
            deployment=deployment,
            fingerprint=values.fingerprint,
            variables=tuple(sorted(values.variables)),
            plan=plan,
            subject=self._redact(subject if isinstance(subject, str) else subject.name),
            until="" if isinstance(subject, str) else subject.until,
            seed=(self._seed or f"{id_}-{secrets.token_hex(8)}") if kind in _ASKING else "",
            lock=self._lock,
            reason=self._redact(reason),
            user=user(),
            host=socket.gethostname(),
            began=now(),
        )
        fields = asdict(record)
        for later in END_FIELDS:
            del fields[later]
        if not record.until:  # so that what does not end reads as it always did
            del fields["until"]
        self._remember_release()
        self.segments.open.spare()
        self._put({"entry": "begin", **fields}, sure=False)
        try:
            self._tell(record.id, FIRST)
        except PreconditionError as err:
            raise err.with_(
                state=f"operation {record.id} is announced in the history; nothing was touched",
                hint=recovery.NEXT if kind in TOUCHING else "inv status; then the same once more",
            ) from None
        return record

    def step(
        self, record: Record, text: str, *, touches: bool = True, job: JobMark | None = None
    ) -> None:
        """Announce a step of an operation before it is done.

        Args:
            record: the operation.
            text: the step.
            touches: whether it changes containers.
            job: the job that it runs, or takes back.
        """
        entry = {"entry": "step", "id": record.id, "at": now(), "step": text, "touches": touches}
        entry |= {"job": asdict(job)} if job else {}
        self._put(entry, sure=False)
        self._tell(record.id, text, sure=touches)

    def result(self, record: Record, result: Literal["ok", "failed"], took: float) -> None:
        """Say how the step that was announced last came out.

        The witness is not told: to know which step is under way is enough for it.
        """
        entry = {"entry": "result", "id": record.id, "result": result, "took": round(took, 3)}
        self._append({**entry, "at": now()})

    def resume(self, record: Record, how: Literal["resume", "abort"]) -> None:
        """Announce that an incomplete operation is taken up again.

        Raises:
            LockLost, PreconditionError: see `begin`.
        """
        self._remember_release()
        entry = {
            "entry": "resume",
            "id": record.id,
            "at": now(),
            "how": how,
            "user": user(),
            "host": socket.gethostname(),
        }
        self._put(entry, sure=False)
        try:
            self._tell(record.id, how)
        except PreconditionError as err:
            raise err.with_(state="the operation is as it was", hint=recovery.NEXT) from None

    def end(self, record: Record, outcome: Outcome, error: str = "") -> None:
        """Say how an operation came out."""
        self._put(
            {
                "entry": "end",
                "id": record.id,
                "ended": now(),
                "outcome": outcome,
                "error": error,
            }
        )
        self._remember_release()
        self._witness.report_head(self._head())

    def past(self) -> Past:
        """See `past` of the base class."""
        self._find_end()
        return super().past()

    def open_entries(self) -> tuple[dict[str, Any], ...]:
        """See `open_entries` of the base class."""
        self._find_end()
        return super().open_entries()

    def _find_end(self) -> None:
        if self._end is None:
            self.segments.past()
            self._end = self.segments.open.end

    def _seal(self, kind: Kind) -> None:
        """Seal the open segment where that is due. It can wait, and never keeps work from going on.

        Its place is here: the engine knows of every entry, and the checkpoint is reported
        to it together with what begins.
        """
        if kind in ALLOWED_WHILE_INCOMPLETE or operations.incomplete_operation(self.past()):
            return
        if self.segments.open.size < segments.ENOUGH:
            return
        self._witness.check(sure=True)
        try:
            self._end = self.segments.seal(now(), self._end)
        except IntegrityError:
            raise
        except LockLost as err:
            raise _overtaken(err) from None
        except PreconditionError:
            return  # no room for it now

    def _put(self, entry: dict[str, Any], *, sure: bool = True) -> None:
        self._witness.check(sure=sure)
        self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        self.wrote = True
        try:
            self.segments.open.append(
                {name: sound(value) for name, value in entry.items()}, after=self._end
            )
        except LockLost as err:
            raise _overtaken(err) from None
        self._end = self.segments.open.end

    def _tell(self, operation: int, step: str, *, sure: bool = True) -> None:
        """Tell the witness what is about to be done, and ask once more whether it may be.

        To sync a disk and to tell an engine can take a while, or this process was stopped in
        between. So what counts is the answer that comes last. What touches nothing needs no sure
        answer.
        """
        self._witness.report_head(self._head(operation, step))
        self._witness.check(sure=sure)

    def _remember_release(self) -> None:
        self._of_record = release_of_record(self.past())

    def _head(self, operation: int = 0, step: str = "") -> Head:
        seq, hash_ = self.segments.open.end
        return Head(seq=seq, hash=hash_, release=self._of_record, operation=operation, step=step)


def _overtaken(err: LockLost) -> LockLost:
    return err.with_(hint=f"inv status; then {recovery.NEXT}")
