"""A task's group names its room in every layer, so that nobody has to search for it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from morphops.tasks import ns
from tests.paths import ROOT

ROOMS = sorted({name.partition(".")[0] for name in ns.task_names})
# What several rooms share.
SHARED = {
    "tasks": {"options", "own_task", "positional"},
    "operations": {"pipeline"},
    "report": {"check", "console", "events", "json_schema", "plan"},
}


def rooms_of(layer: str) -> set[str]:
    folder = ROOT / "morphops" / layer
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    return found - {"__init__", "__pycache__"}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("layer", ["tasks", "operations"])
def test_each_group_has_a_room(layer: str, room: str) -> None:
    assert find_spec(f"morphops.{layer}.{room}")


@pytest.mark.parametrize("layer", sorted(SHARED))
def test_each_room_is_a_groups(layer: str) -> None:
    assert rooms_of(layer) - {*ROOMS} == SHARED[layer]
