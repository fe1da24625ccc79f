"""`inv release.list`."""

from __future__ import annotations

from morphops.core.results.release import ReleaseList, ReleaseRow
from morphops.operations.release import find
from morphops.operations.release.kept import kept_roots, read_pins
from morphops.site import Site


def list_releases(site: Site) -> ReleaseList:
    """List every release that is stored here, the last used one last, each with what keeps it."""
    pins, kept = read_pins(site), kept_roots(site, site.bundle.retention.keep)
    rows = (
        ReleaseRow(
            release=known.release,
            last=known.last,
            outcome=known.outcome,
            pinned=pins.get(known.release, {}).get("reason", ""),
            kept_by=tuple(kept.get(known.release, ())),
        )
        for known in find.known(site)
    )
    return ReleaseList(releases=tuple(rows))
