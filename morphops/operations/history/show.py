"""`inv history`."""

from __future__ import annotations

from typing import Any

from morphops.site import Site


def history(site: Site, limit: int) -> dict[str, Any]:
    """The last operations, oldest first; `limit` is at least 1."""
    records = site.history.records()
    return {
        "state_folder": str(site.state.root),
        "operations": [record.as_json() for record in records[-limit:]],
    }
