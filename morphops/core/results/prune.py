"""What `prune` comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Result):
    """What stays, and what was removed or would be.

    Attributes:
        state: `planned` (nothing was removed) or `pruned`.
        exit: 0.
        project: the stack's name on the engine.
        kept: release → what keeps it.
        rollback: the release that `inv rollback` goes to; empty: none.
        references: images that are removed.
        nameless: ids of images that were built here and have no name any more.
        releases: digests of releases that are removed.
        deployments: numbers of deployments whose files and values are removed.
        containers: stopped containers that are removed.
        copies: folders with copies of carried files that are removed.
        bases: base images in the state folder that no recipe makes any more, and that are removed.
        at_most: bytes that this can free.
        nothing: whether there is nothing to remove.
        freed: bytes that were freed; 0 without `--apply`.
        refused: references that the engine kept.
    """

    state: Literal["planned", "pruned"]
    project: str
    kept: Mapping[str, tuple[str, ...]]
    rollback: str
    references: tuple[str, ...]
    nameless: tuple[str, ...]
    releases: tuple[str, ...]
    deployments: tuple[int, ...]
    containers: tuple[str, ...]
    at_most: int
    nothing: bool
    freed: int = 0
    refused: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
