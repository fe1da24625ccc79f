"""TODO morphops.report.registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from morphops.report.console import Reporter


def registry(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The local registry."""
    if view["state"] == "elsewhere":
        reporter.say(f"the registry {view['address']} is not on this machine: nothing to do")
        return
    where = f" at {view['address']}" if view["address"] else ""
    data = "its data is deleted" if view["deleted"] else f"data: {view['volume']}"
    reporter.say(f"registry {view['container']}: {view['state']}{where} ({data})")
