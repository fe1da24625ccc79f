"""The history as evidence."""

from __future__ import annotations

from collections.abc import Mapping

from morphops.core.results.audit import AuditProof, AuditTrail
from morphops.report.console import Reporter


def audit_show(reporter: Reporter, result: AuditTrail) -> None:
    """Show every entry of the history, one a row."""
    rows = [
        (
            str(entry.seq),
            entry.at,
            str(entry.operation),
            entry.entry,
            entry.hash[:12],
            ", ".join(f"{key} {_in_words(value)}" for key, value in entry.says.items()),
        )
        for entry in result.entries
    ]
    reporter.table(("seq", "at (UTC)", "#", "entry", "hash", "says"), rows)


def _in_words(value: object) -> str:
    """Return a value of an entry as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_in_words(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return " ".join(map(_in_words, value)) or "none"
    return str(value)


def audit_verify(reporter: Reporter, result: AuditProof) -> None:
    """Show that the history is what was written, and the hash to note elsewhere."""
    reporter.say(f"{result.file}: {result.entries} entries of {result.operations} operations")
    if result.head:
        reporter.say(f"nothing was edited, dropped or moved; the last hash is {result.head}")
        reporter.say(f"the engine: {result.engine}")
        reporter.say(f"note it elsewhere; later: inv audit.verify --head={result.head[:12]}")
