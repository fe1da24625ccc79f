"""Gives the services of a release what stands beside its compose files, wherever that lies."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from morphops.adapters.store import copies
from morphops.adapters.store.state_folder import Deployment
from morphops.core.bundle.beside import Place, Places, Tree, names_any, tree_of
from morphops.core.bundle.schema import Bundle
from morphops.core.history import operations
from morphops.core.release.digest import canonical_json
from morphops.core.release.release import Release
from morphops.core.stack import Carried, Stack
from morphops.site import Site


@dataclass(frozen=True, slots=True)
class Beside:
    """What the services of one deployment are given from beside the compose files.

    Attributes:
        places: each, once, by its path in the bundle's folder.
        trees: path of the machine → what the release carries there.
    """

    places: tuple[Place, ...] = ()
    trees: Mapping[str, Tree] = field(default_factory=dict, repr=False)

    def lay(self) -> None:
        """Make the copies of what is carried be there, as they are to be.

        Raises:
            PreconditionError: they cannot be written.
        """
        for path, tree in self.trees.items():
            copies.lay(tree, Path(path))

    def wrong(self) -> Mapping[str, str]:
        """The copies that are not as they are to be: path → digest; empty where there is none."""
        there = {path: copies.digest_at(Path(path)) for path in self.trees}
        return {p: digest for p, digest in there.items() if digest != self.trees[p].digest}


NOTHING_BESIDE = Beside()


def place(
    site: Site, release: Release, bundle: Bundle, deployment: Deployment, stack: Stack
) -> tuple[Stack, Beside]:
    """A stack whose services mount what is carried, and the data of this machine.

    Args:
        site: where.
        release: what it is of.
        bundle: the release's own.
        deployment: its folder; where each thing lies is written there.
        stack: as the compose files have it.
    """
    if not names_any(bundle.compose):
        return stack, NOTHING_BESIDE
    folder = bundle.compose.folder or _folder_of_record(site) or str(site.folder.absolute())
    places = Places(bundle.compose, release, folder, str(site.state.carried.absolute()))
    files = str(deployment.files.absolute())
    asked: dict[str, Place] = {}

    def of(path: str) -> Place | None:
        found = places.of(os.path.relpath(path, files))
        if found is not None:
            asked[found.path] = found
        return found

    override = site.platform.workloads.moved(stack, of)
    site.state.write(deployment.mounts, override)
    found = tuple(asked[path] for path in sorted(asked))
    document = {"folder": folder, "places": [[p.kind, p.path, p.where] for p in found]}
    site.state.write(deployment.places, canonical_json(document))
    return _given(stack, release, deployment, found)


def again(
    release: Release, bundle: Bundle, deployment: Deployment, stack: Stack
) -> tuple[Stack, Beside]:
    """The same for a deployment that was placed; see `place`."""
    if not names_any(bundle.compose):
        return stack, NOTHING_BESIDE
    return _given(stack, release, deployment, recorded(deployment))


def recorded(deployment: Deployment) -> tuple[Place, ...]:
    """What the services of a deployment are given; nothing where it does not say."""
    return tuple(Place(*row) for row in _read(deployment).get("places", ()))


def _given(
    stack: Stack, release: Release, deployment: Deployment, places: tuple[Place, ...]
) -> tuple[Stack, Beside]:
    carried = [place for place in places if place.kind == "carried"]
    trees = {p.where: tree for p in carried if (tree := tree_of(release, p.path))}
    placed = replace(
        stack,
        files=(*stack.files, deployment.mounts),
        carried={path: Carried(tree.path, tree.digest) for path, tree in trees.items()},
        data=frozenset(place.where for place in places if place.kind == "data"),
    )
    return placed, Beside(places, trees)


def _folder_of_record(site: Site) -> str:
    """What the data of the release of record is relative to; empty where nothing says it."""
    record = operations.deployment_of_record(site.history.past())
    return str(_read(site.state.deployment(record.deployment)).get("folder", "")) if record else ""


def _read(deployment: Deployment) -> dict[str, Any]:
    try:
        document = json.loads(deployment.places.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
