"""The stack of this repository, as a project of its own: other name, registry, port and state."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import stacks
from tests.e2e.helpers import PROJECT
from tests.paths import ROOT
from tests.stacks import Inv, free_port


@pytest.fixture(scope="session")
def port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def inv(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Inv]:
    """`inv` in a copy of the project, and nothing left behind."""
    folder = tmp_path_factory.mktemp("e2e")
    shutil.copytree(
        ROOT / "ops", folder / "ops", ignore=shutil.ignore_patterns(".*cache*", "__pycache__")
    )
    shutil.copytree(ROOT / "runbooks", folder / "runbooks")
    shutil.copy(ROOT / "tasks.py", folder)
    # That health lasts is tested elsewhere; here it would cost ten seconds each time.
    _edit(folder / "ops" / "bundle.yaml", project=PROJECT, settle=0)
    quickstart = yaml.safe_load((folder / "ops" / "quickstart.yaml").read_text())
    _edit(folder / "ops" / "quickstart.yaml", env=quickstart["env"] | {"RPC_PORT": str(port)})
    # Made once for all tests; that quickstart's recipes can be made is seen by that, too.
    stacks.bases("python", "nginx", "registry")
    (folder / "state").mkdir(mode=0o700)
    (folder / "state" / "bases").symlink_to(stacks.STORE)
    inv = Inv(folder, folder / "state", f"127.0.0.1:{free_port()}")
    yield inv
    stacks.remove_stack(PROJECT)
    inv("registry.down", "--delete-data")
    stacks.remove_images(f"{inv.registry}/*/*")


@pytest.fixture(scope="session")
def first(inv: Inv) -> dict[str, Any]:
    """What quickstart brings, in an interpreter of its own as whoever types it has."""
    done = replace(inv, real=True)("quickstart", "--json")
    assert done.code == 0, done
    view: dict[str, Any] = done.json
    return view


def _edit(path: Path, **changes: Any) -> None:
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(document | changes, sort_keys=False))
