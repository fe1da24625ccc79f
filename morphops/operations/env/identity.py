"""`inv env.identity`."""

from __future__ import annotations

from typing import Any

from morphops.site import Site


def identity(site: Site) -> dict[str, Any]:
    """The age identity here, by its recipient; it is made where there is none.

    Raises:
        InputError: it cannot be used.
        PreconditionError: it cannot be written.
    """
    made = site.keys.make()
    return {
        "state": "made" if made else "as before",
        "identity": str(site.keys.identity),
        "recipients": list(site.keys.own()),
    }
