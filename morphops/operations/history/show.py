"""`inv history`."""

from __future__ import annotations

from morphops.core.results.history import History
from morphops.site import Site


def history(site: Site, limit: int) -> History:
    """Return the last operations, oldest first; `limit` is at least 1."""
    shown = site.history.last_records(limit)
    return History(state_folder=str(site.state.root), operations=shown)
