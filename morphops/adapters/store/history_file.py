"""History: what was intended and what happened, append-only.

One JSON object a line in a hash chain (`chain`), fsynced before what it announces is done:

    begin   an operation starts: kind, release, plan, deployment, who, why
    step    a step of it is about to be done
    result  how that step came out, and how long it took
    resume  an incomplete operation is taken up again, to finish it or to undo it: who
    end     how it came out

`journal` makes operations of the entries, and answers what follows from them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from morphops.adapters.actor import now, sound, user
from morphops.adapters.store.hash_chain import HashChain
from morphops.core.history import recovery
from morphops.core.history.heads import FIRST, Head
from morphops.core.history.operations import (
    END_FIELDS,
    TOUCHING,
    Kind,
    Outcome,
    Record,
    ValuesRecord,
    apply_entry,
    next_id,
    release_of_record,
)
from morphops.errors import IntegrityError, LockLost, PreconditionError
from morphops.interfaces import LockGuard


class HistoryReader:
    """The history file of one state folder, for those who read it.

    Args:
        path: the file; it is made by the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.chain = HashChain(path)

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Every entry, oldest first, of which `records` can be put together.

        Raises:
            IntegrityError: a line was edited, dropped or moved, or is not ours; it is named.
            PreconditionError: it cannot be read.
        """
        return self._read()[0]

    def records(self) -> tuple[Record, ...]:
        """Every operation, oldest first.

        Raises:
            IntegrityError, PreconditionError: see `entries`.
        """
        return self._read()[1]

    def _read(self) -> tuple[tuple[dict[str, Any], ...], tuple[Record, ...]]:
        try:
            entries = self.chain.entries()
        except IntegrityError as err:
            raise err.with_(hint=_RESTORE) from None
        records: dict[int, Record] = {}
        for number, entry in enumerate(entries, start=1):
            try:
                apply_entry(records, entry)
            except (ValueError, KeyError, TypeError):
                raise IntegrityError(
                    f"{self.path}:{number}: is not an entry of the history",
                    state="nothing after that line can be trusted",
                    hint=_RESTORE,
                ) from None
        return entries, tuple(records.values())

    def next_id(self) -> int:
        """The number of the next operation; stays true only while the lock is held."""
        return next_id(self.records())


class HistoryWriter(HistoryReader):
    """The same file for the one operation that may write to it.

    Every method returns only when its entry is on the disk and the witness knows of it. Nothing is
    added where another process has written to the file since it was first read: an operation that
    was stopped, and lost the lock meanwhile, is not to write behind the one that took it.

    Args:
        path: the file.
        witness: see there.
        redact: takes secrets out of what people type.
        lock: what marks the lock under which operations begin.

    Attributes:
        wrote: whether it has added anything, or was about to.
    """

    def __init__(
        self, path: Path, witness: LockGuard, redact: Callable[[str], str] = str, lock: str = ""
    ) -> None:
        super().__init__(path)
        self._lock = lock
        self._witness = witness
        self._redact = redact
        self.wrote = False
        self._of_record = ""
        self._end: tuple[int, str] | None = None  # of the file, as we found it and went on from

    def begin(
        self,
        kind: Kind,
        *,
        release: str = "",
        deployment: int = 0,
        values: ValuesRecord = ValuesRecord(),  # noqa: B008 - a frozen value
        plan: str = "",
        subject: str = "",
        reason: str,
    ) -> Record:
        """Announce an operation.

        Raises:
            LockLost: it is not ours to begin any more.
            PreconditionError: it cannot be announced, or the engine cannot store its head; the
                error says which, and so what is left to do.
        """
        record = Record(
            id=self.next_id(),
            kind=kind,
            release=release,
            deployment=deployment,
            fingerprint=values.fingerprint,
            variables=tuple(sorted(values.variables)),
            plan=plan,
            subject=self._redact(subject),
            lock=self._lock,
            reason=self._redact(reason),
            user=user(),
            host=socket.gethostname(),
            began=now(),
        )
        fields = asdict(record)
        for later in END_FIELDS:
            del fields[later]
        self._remember_release()
        self.chain.spare()
        self._put({"entry": "begin", **fields}, sure=False)
        try:
            self._tell(record.id, FIRST)
        except PreconditionError as err:
            raise err.with_(
                state=f"operation {record.id} is announced in the history; nothing was touched",
                hint=recovery.NEXT if kind in TOUCHING else "inv status; then the same once more",
            ) from None
        return record

    def step(self, record: Record, text: str, *, touches: bool = True) -> None:
        """Announce a step of an operation before it is done, and whether it changes containers."""
        entry = {"entry": "step", "id": record.id, "at": now(), "step": text, "touches": touches}
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

    def _read(self) -> tuple[tuple[dict[str, Any], ...], tuple[Record, ...]]:
        read = super()._read()
        self._end = self._end or self.chain.end
        return read

    def _put(self, entry: dict[str, Any], *, sure: bool = True) -> None:
        self._witness.check(sure=sure)
        self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        self.wrote = True
        try:
            self.chain.append(
                {name: sound(value) for name, value in entry.items()}, after=self._end
            )
        except LockLost as err:
            raise err.with_(hint=f"inv status; then {recovery.NEXT}") from None
        self._end = self.chain.end

    def _tell(self, operation: int, step: str, *, sure: bool = True) -> None:
        """Tell the witness what is about to be done, and ask once more whether it may be.

        To sync a disk and to tell an engine can take a while, or this process was stopped in
        between. So what counts is the answer that comes last. What touches nothing needs no sure
        answer.
        """
        self._witness.report_head(self._head(operation, step))
        self._witness.check(sure=sure)

    def _remember_release(self) -> None:
        self._of_record = release_of_record(self.records())

    def _head(self, operation: int = 0, step: str = "") -> Head:
        seq, hash_ = self.chain.end
        return Head(seq=seq, hash=hash_, release=self._of_record, operation=operation, step=step)


_RESTORE = "restore the file from a backup; or inv history.adopt --reason=…"
