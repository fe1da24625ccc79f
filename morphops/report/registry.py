"""The local registry."""

from __future__ import annotations

from morphops.core.release.digest import short
from morphops.core.results.registry import RegistryInfo, RegistryPrune
from morphops.report.console import Reporter, size


def registry(reporter: Reporter, result: RegistryInfo) -> None:
    """Show the local registry."""
    if result.state == "elsewhere":
        reporter.say(f"the registry {result.address} is not on this machine: nothing to do")
        return
    where = f" at {result.address}" if result.address else ""
    data = "its data is deleted" if result.deleted else f"data: {result.volume}"
    reporter.say(f"registry {result.container}: {result.state}{where} ({data})")


def pruned(reporter: Reporter, result: RegistryPrune) -> None:
    """Show what leaves the registry, or has left it."""
    planned = result.state == "planned"
    if planned:
        rows = [(short(digest), ", ".join(reasons)) for digest, reasons in result.kept.items()]
        reporter.table(("stays", "because"), rows)
    if result.unknown:
        reporter.say(f"releases that were never here, which stay: {result.unknown}")
    if result.nothing:
        reporter.say(f"nothing to remove from {result.address}")
    else:
        reporter.say(f"would go from {result.address}:" if planned else "removed:")
    for digest in result.releases:
        reporter.say(f"  release {short(digest)}")
    for manifest in result.manifests:
        if manifest.rpartition("@")[2] not in result.releases:
            reporter.say(f"  image {manifest}")
    if planned:
        reporter.say("nothing was removed (--apply)")
    elif result.local:
        reporter.say(f"freed {result.freed} bytes ({size(result.freed)})")
    else:
        reporter.say("the registry frees the space by its own garbage collection")
