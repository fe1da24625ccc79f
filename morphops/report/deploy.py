"""What a deploy, a rollback or `up` came to, or would come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report import plan
from morphops.report.console import Reporter


def deployed(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The result of `deploy`, `rollback` and `up` for people."""
    if view["state"] == "planned":
        for line in plan.plan(view):
            reporter.say(line)
        return
    for line in plan.changes(view["changes"]):
        reporter.say(line)
    reporter.say(
        f"{view['state']}: {view['release']}" + ("" if view["changed"] else " (as before)")
    )
