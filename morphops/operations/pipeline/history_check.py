"""Whether the history here is the one that the engine knows of, asked without the lock."""

from __future__ import annotations

from typing import Any

from morphops.core.history import heads as head_
from morphops.errors import EngineUnavailable
from morphops.site import Site

_LOOKS = 5


def compare(site: Site) -> tuple[tuple[dict[str, Any], ...], str | None]:
    """Read the history, and hold it against the head on the engine.

    Another operator may write to both meanwhile. The entry is written first and the head after it,
    so here the head is read first. What looks wrong counts only where the head is still the same
    afterwards.

    Returns:
        the entries, and why they are not what the engine knows of: empty where they are, None where
        it does not say, since no engine answers or the two never rest.

    Raises:
        IntegrityError: an entry is not what was written; it is named.
    """
    for _ in range(_LOOKS):
        try:
            head = site.platform.heads.read(site.bundle.project)
            entries = site.history.entries()
            why = head_.mismatch(entries, head)
            if not why or site.platform.heads.read(site.bundle.project) == head:
                return entries, why
        except EngineUnavailable:
            break
    return site.history.entries(), None
