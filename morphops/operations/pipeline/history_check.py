"""Whether the history here is the one that the engine knows of, asked without the lock."""

from __future__ import annotations

from morphops.errors import EngineUnavailable
from morphops.site import Site

_LOOKS = 5


def compare(site: Site) -> str | None:
    """Read the history from its last checkpoint on, and hold it against the head on the engine.

    Another operator may write to both meanwhile. The entry is written first and the head after it,
    so here the head is read first. What looks wrong counts only where the head is still the same
    afterwards.

    Returns:
        why it is not what the engine knows of: empty where it is, None where the engine does not
        say, since none answers or the two never rest.

    Raises:
        IntegrityError: an entry is not what was written; it is named.
    """
    for _ in range(_LOOKS):
        try:
            head = site.platform.heads.read(site.bundle.project)
            why = site.history.mismatch(head)
            if not why or site.platform.heads.read(site.bundle.project) == head:
                return why
        except EngineUnavailable:
            break
    return None
