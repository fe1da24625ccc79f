"""How long ago something was, in words. Pure."""

from __future__ import annotations

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def ago(seconds: float) -> str:
    """How long ago something was: `3 min ago`.

    Args:
        seconds: since then.
    """
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"
