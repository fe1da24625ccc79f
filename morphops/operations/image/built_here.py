"""Which images were built here: a label says only for which project one was built.

Two checkouts of a project on one engine give their images the same label. Each removes its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from morphops.adapters.store.files import read_table
from morphops.core.release.digest import canonical_json
from morphops.core.requests import BuiltImage
from morphops.site import Site


def known(site: Site) -> frozenset[str]:
    """The digests by one of which the engine names what was built here.

    Raises:
        PreconditionError: the file that says so is broken.
    """
    path = _file(site)
    return frozenset(read_table(path, hint=f"remove {path}   (what was built before stays then)"))


def remember(site: Site, images: Iterable[BuiltImage]) -> None:
    """Add what a build made."""
    _write(site, known(site) | {name for image in images for name in image.names})


def forget(site: Site, there: Collection[str]) -> None:
    """Keep only what the engine still has.

    Args:
        site: where.
        there: what the engine names its images.
    """
    before = known(site)
    if left := before - set(there):
        _write(site, before - left)


def _write(site: Site, names: Collection[str]) -> None:
    site.state.write(_file(site), canonical_json({name: {} for name in names}))


def _file(site: Site) -> Path:
    return site.state.root / "built.json"
