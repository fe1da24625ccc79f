"""Compose files as they are found (tests/data/shapes), each copied to a folder of a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.paths import ROOT

SHAPES = ROOT / "tests" / "data" / "shapes"
NAMES = tuple(sorted(path.name for path in SHAPES.iterdir() if path.is_dir()))


def copy(name: str, folder: Path) -> Path:
    """A copy of a shape, in a folder that is called like it."""
    place = folder / name
    shutil.copytree(SHAPES / name, place)
    if (place / "dotenv").exists():
        (place / "dotenv").rename(place / ".env")
    return place


def contents(folder: Path) -> dict[str, bytes]:
    """What stands in each file of a folder, by its path in it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
