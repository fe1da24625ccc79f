"""`inv release.list`."""

from __future__ import annotations

from typing import Any

from morphops.operations.release import find
from morphops.operations.release.kept import kept_roots, read_pins
from morphops.site import Site


def list_releases(site: Site) -> dict[str, Any]:
    """Every release that is stored here, the last used one last, each with what keeps it."""
    pins, kept = read_pins(site), kept_roots(site, site.bundle.retention.keep)
    rows = [
        {
            **row,
            "pinned": pins.get(row["release"], {}).get("reason", ""),
            "kept_by": list(kept.get(row["release"], ())),
        }
        for row in find.known(site)
    ]
    return {"releases": rows}
