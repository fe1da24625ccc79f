"""Use case: prove the record of a runbook's run. Its report remembers how the transcript ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from morphops.adapters.store import text_file
from morphops.adapters.store.hash_chain import HashChain
from morphops.core.results.runbook import RunbookProof
from morphops.core.runbook import transcript
from morphops.errors import InputError, IntegrityError, PreconditionError
from morphops.site import Site

FILE = "transcript.jsonl"
REPORT = "report.md"


def verify(site: Site, path: str = "") -> RunbookProof:
    """Proves that a run's transcript is unchanged and complete.

    Args:
        site: where.
        path: of the transcript, or of its folder; the last run's where it is empty.

    Returns:
        `state` is `whole`; `under way` where the run goes on, or died before its report.

    Raises:
        InputError: there is no such file.
        IntegrityError: naming the line that is not what was written.
        PreconditionError: nothing was ever run, or the file cannot be read.
    """
    file = _typed(path) if path else _last(site)
    entries = HashChain(file).entries()
    run = transcript.progress(entries)
    if run is None:
        raise IntegrityError(f"{file}:1: is not the beginning of a run")
    proven = prove_end(file, entries)
    if not proven and entries[-1]["entry"] in ("stop", "end"):
        why = f"the run was over there, and no {file.with_name(REPORT)} tells of it"
        raise _not_whole(file, len(entries), why)
    return RunbookProof(
        state="whole" if proven else "under way",
        transcript=str(file),
        runbook=run.begin["runbook"],
        section=run.begin["section"],
        entries=len(entries),
        head=entries[-1]["hash"],
        outcome=entries[-1].get("outcome", "under way"),
    )


def prove_end(file: Path, entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the report knows a transcript's end.

    False while the run is under way, or where it died between its last entry and its report. Then
    the report is not there, or it tells of the entry before the run was resumed.

    Args:
        file: the transcript.
        entries: of it.

    Raises:
        IntegrityError: the report knows another end.
    """
    report = file.with_name(REPORT)
    if not report.exists():
        return False
    known = transcript.last_hash(text_file.read(report))
    hashes = [entry["hash"] for entry in entries]
    if known == hashes[-1]:
        return True
    after = entries[hashes.index(known) + 1] if known in hashes else {}
    if after.get("entry") == "resume":
        return False
    raise _not_whole(file, len(entries), f"is not the end that {report} tells of")


def _not_whole(file: Path, line: int, why: str) -> IntegrityError:
    return IntegrityError(
        f"{file}:{line}: {why}",
        state="lines are missing at the end, or the report was changed; nothing was done",
        hint="restore both files from a backup, or begin the run again",
    )


def _typed(path: str) -> Path:
    file = text_file.path(path)
    file = file / FILE if file.is_dir() else file
    if not file.is_file():
        raise InputError(
            f"{file}: is not a transcript", hint="inv runbook.verify   (the last run's)"
        )
    return file


def _last(site: Site) -> Path:
    files = sorted((site.state.root / "runbooks").glob(f"*/{FILE}"))
    if not files:
        raise PreconditionError("no runbook was run here yet", hint="inv runbook.run NAME")
    return files[-1]
