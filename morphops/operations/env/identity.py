"""`inv env.identity`."""

from __future__ import annotations

from morphops.core.results.env import EnvIdentity
from morphops.site import Site


def identity(site: Site) -> EnvIdentity:
    """The age identity here, by its recipient; it is made where there is none.

    Raises:
        InputError: it cannot be used.
        PreconditionError: it cannot be written.
    """
    made = site.keys.make()
    return EnvIdentity(
        state="made" if made else "as before",
        identity=str(site.keys.identity),
        recipients=tuple(site.keys.own()),
    )
