"""Entries of a runbook's transcript."""

from __future__ import annotations

from typing import Any


def result(**changes: Any) -> dict[str, Any]:
    entry = {
        "entry": "result",
        "step": "deploy",
        "title": "3. Deploy it",
        "command": "inv deploy",
        "began": "2026-01-01T00:00:00+00:00",
        "at": "2026-01-01T00:00:02+00:00",
        "seconds": 2.0,
        "passed": True,
        "expectations": [{"expect": "exit: 0", "met": True, "got": "exit: 0"}],
        "output": [],
        "signed_by": "",
    }
    return entry | changes
