"""How much space the removal of some images frees: layers that others have stay. Pure.

An engine tells of an image how large it is, and how much of that is in layers that any other image
has too. It does not tell how large a layer is. So this is an upper bound. It is exact where layers
are shared with an image that stays, or among images that all go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from morphops.core.stack import LocalImage

_Layers: TypeAlias = tuple[str, ...]


def at_most(going: Sequence[LocalImage], staying: Sequence[LocalImage]) -> int:
    """The bytes that are free once some images are gone, at most.

    Args:
        going: the images that are removed.
        staying: all others.
    """
    kept = {prefix for image in staying for prefix in _prefixes(image.layers)}
    everywhere = _Shared((*going, *staying))
    known = {image.layers: image.size for image in staying}
    shared: dict[_Layers, int] = {}
    own = 0
    for image in going:
        own += image.size - image.shared
        if image.shared:
            shared[everywhere.of(image)] = image.shared
    for image in staying:
        if image.shared:
            known[everywhere.of(image)] = image.shared
    counted = dict(known)
    for layers in sorted(shared, key=len):
        if layers in kept:
            continue
        # What is below it stays, or was counted.
        below = (p for p in _prefixes(layers) if p in counted and (p in kept or p in shared))
        own += shared[layers] - max((counted[prefix] for prefix in below), default=0)
        counted[layers] = shared[layers]
    return own


class _Shared:
    """Which layers an image has in common with another one.

    Args:
        images: all that are there.
    """

    def __init__(self, images: Sequence[LocalImage]) -> None:
        self._count: dict[_Layers, int] = {}
        for image in images:
            for prefix in _prefixes(image.layers):
                self._count[prefix] = self._count.get(prefix, 0) + 1

    def of(self, image: LocalImage) -> _Layers:
        """The layers of it that another one has, too."""
        found: _Layers = ()
        for prefix in _prefixes(image.layers):
            if self._count[prefix] < 2:
                break
            found = prefix
        return found


def _prefixes(layers: _Layers) -> Iterator[_Layers]:
    for length in range(1, len(layers) + 1):
        yield layers[:length]
