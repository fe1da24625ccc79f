"""Use cases around the history as evidence: show its entries, prove that they are as written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.core.history import operations
from morphops.core.release.digest import expand_digest
from morphops.core.results.audit import AuditEntry, AuditProof, AuditTrail
from morphops.errors import InputError, IntegrityError
from morphops.operations.pipeline import history_check
from morphops.site import Site

_CHAIN = ("entry", "id", "seq", "prev", "hash", "at", "began", "ended")


def show(site: Site, operation: int, limit: int) -> AuditTrail:
    """Return every entry of the history as it was written, oldest first.

    Args:
        site: where.
        operation: only those of this one; 0 for all.
        limit: how many of the last ones, at least 1.

    Raises:
        IntegrityError: an entry is not what was written; it is named.
        InputError: there is no such operation.
    """
    entries = [dict(entry) for entry in site.history.entries()]
    if operation:
        entries = [entry for entry in entries if entry["id"] == operation]
        if not entries:
            raise InputError(f"no operation {operation} in the history", hint="inv history")
    return AuditTrail(entries=tuple(_entry(entry) for entry in entries[-limit:]))


def verify(site: Site, head: str) -> AuditProof:
    """Prove that no entry of the history was edited, dropped, inserted or moved.

    Args:
        site: where.
        head: hash of an entry that was noted elsewhere, or its first 12 digits or more: it must
            still be there, so that a missing end is found as well.

    Raises:
        InputError: `head` is not 12 hex digits or more.
        IntegrityError: naming what is not as it was written, or what the engine knows otherwise.
    """
    path = site.history.path
    entries, mismatch = history_check.compare(site)
    hashes = [str(entry["hash"]) for entry in entries]
    if head and not expand_digest(head, hashes, "hash of an entry", "inv audit.show"):
        raise IntegrityError(
            f"{path}: no entry has the hash {head}",
            state=f"its end was removed or replaced; {len(entries)} entries are there",
            hint="restore the file from a backup",
        )
    if mismatch:
        raise IntegrityError(
            f"{path}: {mismatch}",
            state=f"each of its {len(entries)} entries is as it was written",
            hint="restore the file from a backup; or inv history.adopt --reason=…",
        )
    records = operations.replay(entries)
    cut_off = operations.incomplete_operation(records)
    return AuditProof(
        file=str(path),
        entries=len(entries),
        operations=len(records),
        head=str(entries[-1]["hash"]) if entries else "",
        engine="not asked" if mismatch is None else "agrees",
        cut_off=cut_off.id if cut_off else 0,
    )


def _entry(entry: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        seq=entry["seq"],
        operation=entry["id"],
        at=entry.get("at") or entry.get("began") or entry.get("ended") or "",
        entry=entry["entry"],
        says={key: value for key, value in entry.items() if key not in _CHAIN and value != ""},
        hash=entry["hash"],
    )
