"""TODO morphops.report.audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def audit_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Every entry of the history, one a row."""
    rows = [
        (
            str(entry["seq"]),
            entry["at"],
            str(entry["operation"]),
            entry["entry"],
            entry["hash"][:12],
            ", ".join(f"{key} {_said(value)}" for key, value in entry["says"].items()),
        )
        for entry in view["entries"]
    ]
    reporter.table(("seq", "at (UTC)", "#", "entry", "hash", "says"), rows)


def _said(value: Any) -> str:
    """What an entry says, as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_said(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_said, value)) or "none"
    return str(value)


def audit_verify(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """That the history is what was written, and the hash to note elsewhere."""
    reporter.say(f"{view['file']}: {view['entries']} entries of {view['operations']} operations")
    if view["head"]:
        reporter.say(f"nothing was edited, dropped or moved; the last hash is {view['head']}")
        reporter.say(f"the engine: {view['engine']}")
        reporter.say(f"note it elsewhere; later: inv audit.verify --head={view['head'][:12]}")
