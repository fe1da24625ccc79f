"""Use cases around the history as evidence: show its entries, prove that they are as written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from morphops.core.history import operations
from morphops.core.release.digest import expand_digest
from morphops.core.results.audit import AuditEntry, AuditProof, AuditTrail
from morphops.errors import InputError, IntegrityError
from morphops.operations.pipeline import history_check
from morphops.site import Site

_CHAIN = ("entry", "id", "seq", "prev", "hash", "at", "began", "ended")


def show(site: Site, operation: int, limit: int) -> AuditTrail:
    """Return entries of the history as they were written, oldest first.

    Only as much is read, from its end, as is shown.

    Args:
        site: where.
        operation: only those of this one; 0 for all.
        limit: how many of the last ones, at least 1.

    Raises:
        IntegrityError: an entry is not what was written; it is named.
        InputError: there is no such operation.
    """
    entries: Iterator[Mapping[str, Any]] = site.history.entries_back()
    if operation:
        entries = _of(operation, entries)
    found = [_entry(entry) for entry in islice(entries, limit)]
    if operation and not found:
        raise InputError(f"no operation {operation} in the history", hint="inv history")
    return AuditTrail(entries=tuple(reversed(found)))


def _of(operation: int, entries: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The entries of an operation, the newest first; nothing before its beginning is read."""
    for entry in entries:
        if entry["id"] == operation:
            yield entry
            if entry["entry"] == "begin":
                return


def verify(site: Site, head: str) -> AuditProof:
    """Prove that no entry of the history was edited, dropped, inserted or moved.

    Args:
        site: where.
        head: hash of an entry that was noted elsewhere, or its first 12 digits or more. It must
            still be there, so that a missing end is found as well.

    Raises:
        InputError: `head` is not 12 hex digits or more.
        IntegrityError: naming what is not as it was written, or what the engine knows otherwise.
    """
    path = site.history.path
    if head:
        expand_digest(head, (), "hash of an entry", "inv audit.show")  # it may be malformed
    mismatch = history_check.compare(site)
    proof = site.history.prove(head.removeprefix("sha256:"))
    if head and not expand_digest(head, proof.noted, "hash of an entry", "inv audit.show"):
        raise IntegrityError(
            f"{path}: no entry has the hash {head}",
            state=f"its end was removed or replaced; {proof.entries} entries are there",
            hint="restore the file from a backup",
        )
    if mismatch:
        raise IntegrityError(
            f"{path}: {mismatch}",
            state=f"each of its {proof.entries} entries is as it was written",
            hint="restore the file from a backup; or inv history.adopt --reason=…",
        )
    cut_off = operations.incomplete_operation(proof.past)
    return AuditProof(
        file=str(path),
        entries=proof.entries,
        operations=proof.operations,
        head=proof.head,
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
