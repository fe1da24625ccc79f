"""History: what was intended and what happened, append-only; and the lock.

One JSON object a line, flushed and fsynced before what it announces is done:

    begin  an operation starts: kind, release, deployment, who, why
    step   a step of it is about to be done
    end    how it came out

Pure functions over the entries answer what runs by right and where a rollback goes.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from morphops.errors import LockHeld, PreconditionError
from morphops.model import canonical_json
from morphops.state import fsync_folder

Kind: TypeAlias = Literal["deploy", "rollback", "up", "down", "prune"]
Outcome: TypeAlias = Literal["deployed", "rolled back", "failed", "refused", "stopped", "pruned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One operation, put together from its entries.

    Attributes:
        id: number of the operation; also the deployment's, where it made one.
        kind: what was asked for.
        release: the release that it was to bring; empty for `down`.
        deployment: whose files and values were used.
        fingerprint: keyed fingerprint of the env values.
        reason, user, host: why, who and from where.
        began, ended: UTC, ISO 8601; `ended` is empty while it runs, or where it was cut off.
        outcome: how it came out; empty likewise. `refused`: it failed before anything was touched.
        error: one line, for the outcomes that are failures.
        steps: the steps that were begun, in order.
    """

    id: int
    kind: Kind
    release: str
    deployment: int
    fingerprint: str
    reason: str
    user: str
    host: str
    began: str
    ended: str = ""
    outcome: Outcome | Literal[""] = ""
    error: str = ""
    steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The record as `--json` shows it."""
        return asdict(self)


class History:
    """The history file of one state folder.

    Args:
        path: the file; it is made by the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def records(self) -> tuple[Record, ...]:
        """Every operation, oldest first.

        Raises:
            PreconditionError: it cannot be read, or a line is none of ours.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as err:
            raise PreconditionError(
                f"cannot read the history {self.path}: {err.strerror}"
            ) from None
        # What has no end was torn by a crash while it was written: it announced nothing yet.
        *lines, _torn = data.split(b"\n")
        records: dict[int, Record] = {}
        for number, line in enumerate(lines, start=1):
            if not line:
                continue
            try:
                _take(records, json.loads(line))
            except (ValueError, KeyError, TypeError):
                raise PreconditionError(
                    f"{self.path}:{number}: is no entry of the history",
                    hint="restore the file from a backup; nothing is guessed from a broken one",
                ) from None
        return tuple(records.values())

    def next_id(self) -> int:
        """The number of the next operation; stays true only while the lock is held."""
        return max((record.id for record in self.records()), default=0) + 1

    def begin(
        self, kind: Kind, *, release: str, deployment: int, fingerprint: str, reason: str
    ) -> Record:
        """Announce an operation."""
        record = Record(
            id=self.next_id(),
            kind=kind,
            release=release,
            deployment=deployment,
            fingerprint=fingerprint,
            reason=reason,
            user=user(),
            host=socket.gethostname(),
            began=_now(),
        )
        fields = asdict(record)
        for later in ("ended", "outcome", "error", "steps"):
            del fields[later]
        self._append({"entry": "begin", **fields})
        return record

    def step(self, record: Record, text: str) -> None:
        """Announce a step of an operation, before it is done."""
        self._append({"entry": "step", "id": record.id, "at": _now(), "step": text})

    def end(self, record: Record, outcome: Outcome, error: str = "") -> None:
        """Say how an operation came out."""
        self._append(
            {
                "entry": "end",
                "id": record.id,
                "ended": _now(),
                "outcome": outcome,
                "error": error,
            }
        )

    def _append(self, entry: dict[str, Any]) -> None:
        try:
            self._repair_torn_end()
            new = not self.path.exists()
            handle = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                left = canonical_json(entry) + b"\n"
                while left:  # a disk that fills up takes a part, and refuses the next
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                fsync_folder(self.path.parent)
        except OSError as err:
            raise PreconditionError(
                f"cannot write the history {self.path}: {err.strerror}",
                hint="free space in the state folder; nothing is done that cannot be recorded",
            ) from None

    def _repair_torn_end(self) -> None:
        """Cut off a last line that a crash left without its end, so that ours begins a line."""
        if not self.path.exists():
            return
        with self.path.open("r+b") as stream:
            data = stream.read()
            if data and not data.endswith(b"\n"):
                stream.truncate(data.rfind(b"\n") + 1)


def _take(records: dict[int, Record], entry: dict[str, Any]) -> None:
    """Put an entry where it belongs; ValueError, KeyError or TypeError where it is none of ours."""
    fields = {**entry}
    match fields.pop("entry"):
        case "begin":
            records[fields["id"]] = Record(**fields)
        case "step":
            record = records[fields["id"]]
            records[record.id] = replace(record, steps=(*record.steps, fields["step"]))
        case "end":
            records[fields["id"]] = replace(records[fields["id"]], **fields)
        case unknown:
            raise ValueError(unknown)


def healthy(records: Sequence[Record]) -> tuple[Record, ...]:
    """The stack of healthy deployments, the one of record last.

    A deploy of something new goes on top. A rollback goes back to where its target lies and drops
    what is above, so that rolling back twice goes back twice; one to a release that was dropped so
    (`--to` what was rolled back from) goes on top again. `up` changes nothing of this.
    """
    stack: list[Record] = []
    for record in records:
        if record.outcome != "deployed" or record.kind in ("up", "down"):
            continue
        if record.kind == "rollback" and any(_same(below, record) for below in stack):
            while not _same(stack[-1], record):
                stack.pop()
        if not stack or not _same(stack[-1], record):
            stack.append(record)
        else:
            stack[-1] = record
    return tuple(stack)


def of_record(records: Sequence[Record]) -> Record | None:
    """The deployment that runs by right, if there is one."""
    stack = healthy(records)
    return stack[-1] if stack else None


def rollback_target(records: Sequence[Record], to: str = "") -> Record | None:
    """Where a rollback goes: the last healthy deployment before this one.

    Args:
        records: the history.
        to: a release's digest, to go to its last healthy deployment instead.
    """
    stack = healthy(records)
    if not to:
        return stack[-2] if len(stack) > 1 else None
    for record in reversed(records):
        if record.outcome == "deployed" and record.release == to:
            return record
    return None


def cut_off(records: Sequence[Record]) -> Record | None:
    """The last operation, where it never came to its end."""
    return records[-1] if records and not records[-1].outcome else None


def is_down(records: Sequence[Record]) -> bool:
    """Whether the stack was stopped on purpose and not started since."""
    done = [record for record in records if record.outcome in ("deployed", "stopped")]
    return bool(done) and done[-1].outcome == "stopped"


def _same(one: Record, other: Record) -> bool:
    return (one.release, one.fingerprint) == (other.release, other.fingerprint)


@contextmanager
def lock(path: Path, reason: str) -> Iterator[None]:
    """Hold the lock of a state folder; the kernel frees it when the process dies.

    Args:
        path: the lock file; whoever holds it writes there who it is.
        reason: what for, in a few words.

    Raises:
        LockHeld: by whom, since when, and why.
    """
    try:
        # Close-on-exec (Python's default): a child that outlives us must not keep the lock.
        stream = path.open("a+", encoding="utf-8")
    except OSError as err:
        raise _unusable(path, err) from None
    with stream:
        try:
            path.chmod(0o600)
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            raise LockHeld(
                f"another operation is under way: {_holder(stream.read())}",
                state="this command changed nothing",
                hint="wait for it, then `inv status`",
            ) from None
        except OSError as err:
            raise _unusable(path, err) from None
        stream.truncate(0)
        stream.write(
            json.dumps({"pid": os.getpid(), "user": user(), "since": _now(), "reason": reason})
        )
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)


def _unusable(path: Path, err: OSError) -> PreconditionError:
    return PreconditionError(
        f"cannot use the lock {path}: {err.strerror}",
        state="nothing was changed",
        hint="see the owner and the mode of the state folder",
    )


def _holder(text: str) -> str:
    try:
        who = json.loads(text)
        return f"{who['reason']}, by {who['user']} (pid {who['pid']}), since {who['since']}"
    except (ValueError, KeyError, TypeError):
        return "its holder has only just begun"


def user() -> str:
    """Who is working here: the one who called sudo, where somebody did."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
