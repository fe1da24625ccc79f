"""What `prune` removes, and what stays."""

from __future__ import annotations

from collections.abc import Iterator

from morphops.core.release.digest import short
from morphops.core.results.prune import Prune
from morphops.report.console import Reporter, size


def pruned(reporter: Reporter, result: Prune) -> None:
    """Show, before: what stays and why, and what would go; after: what was removed."""
    planned = result.state == "planned"
    if planned:
        rows = [(short(digest), ", ".join(reasons)) for digest, reasons in result.kept.items()]
        reporter.table(("stays", "because"), rows)
    if result.nothing:
        reporter.say("nothing to remove")
    else:
        reporter.say("would go:" if planned else "removed:")
    for line in _goes(result):
        reporter.say(f"  {line}")
    for reference in result.refused:
        reporter.say(f"the engine kept {reference}")
    target = short(result.rollback)
    reporter.say(f"inv rollback goes to {target}" if target else "inv rollback has no target")
    if planned:
        reporter.say(f"frees at most {size(result.at_most)}; nothing was removed (--apply)")
    else:
        reporter.say(f"freed {result.freed} bytes ({size(result.freed)})")


def _goes(result: Prune) -> Iterator[str]:
    """Yield what goes, or has gone: one thing a line."""
    for digest in result.releases:
        yield f"release {short(digest)}"
    for reference in result.references:
        if reference not in result.refused:
            yield f"image {reference}"
    for image in result.nameless:
        if image not in result.refused:
            yield f"image {short(image)}, built here, which has no name any more"
    for container in result.containers:
        yield f"stopped container {container}"
    for base in result.bases:
        yield f"base image {base}, which no recipe makes any more"
    for number in result.deployments:
        yield f"values and files of deployment {number}"
    for folder in result.copies:
        yield f"copies of carried files in {folder}"
