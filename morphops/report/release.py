"""Releases, and what keeps them."""

from __future__ import annotations

from morphops.core.release.digest import short
from morphops.core.results.release import (
    Pin,
    ReleaseCreated,
    ReleaseDetail,
    ReleaseInfo,
    ReleaseList,
    ResolvedSource,
)
from morphops.report.console import Reporter


def release(reporter: Reporter, result: ReleaseInfo) -> None:
    """Show a release."""
    reporter.say(f"release {result.release}")
    rows = [(name, image.ref, image.platform) for name, image in result.images.items()]
    reporter.table(("image", "reference", "platform"), rows)
    for key, value in sorted(result.labels.items()):
        reporter.say(f"{key}: {value}")


def release_created(reporter: Reporter, result: ReleaseCreated) -> None:
    """Show a release that was made: what its tags name now, and what it carries."""
    release(reporter, result)
    if result.sources:
        rows = [
            (row.image, row.source, short(row.digest), _against_the_last(row))
            for row in result.sources
        ]
        reporter.table(("image", "from", "digest", "last release"), rows)
    if result.carried:
        total = sum(row.size for row in result.carried)
        reporter.say(f"carries {len(result.carried)} files for its services, {total} bytes:")
        for row in result.carried:
            mode = ", executable" if row.executable else ""
            reporter.say(f"  {row.path} ({row.size} bytes{mode})")


def _against_the_last(row: ResolvedSource) -> str:
    if not row.previous:
        return "not known there"
    return f"had {short(row.previous)}" if row.changed else "the same"


def release_list(reporter: Reporter, result: ReleaseList) -> None:
    """Show the releases that are stored here."""
    rows = [
        (
            short(row.release),
            row.last or "-",
            row.outcome or "not deployed yet",
            row.pinned or "-",
            ", ".join(row.kept_by) or "nothing: inv prune removes it",
        )
        for row in result.releases
    ]
    reporter.table(("release", "last used (UTC)", "outcome", "pinned", "kept by"), rows)


def release_show(reporter: Reporter, result: ReleaseDetail) -> None:
    """Show a release, and what was done with it."""
    release(reporter, result)
    if not result.stored:
        reporter.say("not stored here; the registry has it: inv pull")
    reporter.say(f"kept by: {', '.join(result.kept_by) or 'nothing'}")
    for record in result.operations:
        reporter.say(f"{record.began} {record.kind}: {record.outcome or 'incomplete'}")


def pin(reporter: Reporter, result: Pin) -> None:
    """Show whether a release is pinned, and why."""
    reason = f" ({result.reason})" if result.reason else ""
    before = "" if result.changed else ", as before"
    reporter.say(f"{result.state}: {result.release}{reason}{before}")
