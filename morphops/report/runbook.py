"""Runbooks, and how a run came out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def runbook_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Runbooks without findings."""
    for name, steps in view["runbooks"].items():
        reporter.say(f"{name}: ok, {_counted(steps, 'step')}")


def runbook_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A runbook, rendered on a terminal and as it is elsewhere."""
    reporter.markdown(view["text"])


def runbook_run(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A run that passed."""
    steps = _counted(len(view["steps"]), "step")
    reporter.say(f"passed: {view['runbook']}, {view['section']}: {steps}")
    reporter.say(f"report: {view['report']}")


def runbook_verify(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A transcript that is what was written."""
    what = f"{view['runbook']}, {view['section']}"
    reporter.say(f"{view['state']}: {what}: {view['entries']} entries, {view['outcome']}")
    reporter.say(f"last hash: {view['head']}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")
