"""What `destroy` comes to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed(Result):
    """What is gone of a project, or would go.

    Attributes:
        state: `planned`, or `destroyed`.
        exit: 0.
        project: its name on the engine.
        containers: names of those of its services.
        networks: their names.
        volumes: their names; the data in them is gone for good.
        images: the references that this project holds or built; one that is in use elsewhere stays.
        registry: address of the local registry that goes with all that is in it, of every project;
            empty: none goes.
        history: whether the history goes, with the releases and values that are kept here.
        kept: where what stays on this machine lies: the state folder.
        operation: its number in the history; 0: nothing was done.
    """

    state: Literal["planned", "destroyed"]
    project: str
    containers: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]
    images: tuple[str, ...]
    registry: str = ""
    history: bool = False
    kept: str
    operation: int = 0


def told(going: Destroyed) -> Iterator[str]:
    """Yields what goes, and what stays, in lines."""
    parts = {
        "containers": going.containers,
        "networks": going.networks,
        "volumes, with their data": going.volumes,
    }
    for what, names in parts.items():
        yield f"{what}: {', '.join(names) or 'none'}"
    yield f"names of images: {len(going.images)}"
    if going.registry:
        yield f"the registry {going.registry}, with the images of every project that uses it"
    own = "the history, and the releases and values in" if going.history else "stays:"
    yield f"{own} {going.kept}"
