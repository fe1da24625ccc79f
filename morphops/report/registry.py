"""The local registry."""

from __future__ import annotations

from morphops.core.results.registry import RegistryInfo
from morphops.report.console import Reporter


def registry(reporter: Reporter, result: RegistryInfo) -> None:
    """Show the local registry."""
    if result.state == "elsewhere":
        reporter.say(f"the registry {result.address} is not on this machine: nothing to do")
        return
    where = f" at {result.address}" if result.address else ""
    data = "its data is deleted" if result.deleted else f"data: {result.volume}"
    reporter.say(f"registry {result.container}: {result.state}{where} ({data})")
