"""Each import contract of pyproject.toml breaks where an import breaks its rule.

The tree is made up: the modules of morphops under another name, all of them empty. Each case adds
one import. That the real imports keep the contracts is what `nox -s lint` shows.
"""

from __future__ import annotations

import pkgutil
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise, permutations, product
from pathlib import Path
from typing import Any

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.paths import ROOT

pytestmark = pytest.mark.unmeasured

NAME = "madeup"
ARCHITECTURE = ROOT / "docs" / "explanation" / "architecture.md"
TEXT = (ROOT / "pyproject.toml").read_text()
CONTRACTS: list[dict[str, Any]] = tomllib.loads(TEXT)["tool"]["importlinter"]["contracts"]
BY_ID = {contract["id"]: contract for contract in CONTRACTS}
LAYERS = [re.split(r" [|:] ", layer) for layer in BY_ID["layers"]["layers"]]


def bad_imports() -> Iterator[tuple[str, str, str]]:
    """Contract, module that imports, and what it imports."""
    for importer, imported in (*upwards(), *sideways()):
        yield "layers", f"morphops.{importer}", f"morphops.{imported}"
    for contract in CONTRACTS:
        match contract["type"]:
            case "forbidden":
                first, *others = contract["source_modules"]
                forbidden = contract["forbidden_modules"]
                yield from ((contract["id"], first, module) for module in forbidden)
                yield from ((contract["id"], module, forbidden[0]) for module in others)
            case "protected":
                strangers = ("morphops.core", "morphops.operations", "morphops.tasks")
                for pair in product(strangers, contract["protected_modules"]):
                    yield contract["id"], *pair


def upwards() -> Iterator[tuple[str, str]]:
    """Each layer, and each one right above it."""
    for above, below in pairwise(LAYERS):
        yield from product(below, above)


def sideways() -> Iterator[tuple[str, str]]:
    """The layers that stand beside each other."""
    for layer in LAYERS:
        yield from permutations(layer, 2)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the package of empty modules, and the contracts under its name."""
    folder = tmp_path_factory.mktemp("tree")
    for path in (ROOT / "morphops").rglob("*.py"):
        empty = folder / NAME / path.relative_to(ROOT / "morphops")
        empty.parent.mkdir(parents=True, exist_ok=True)
        empty.touch()
    # Where nothing is imported, the imports that a contract leaves out are not there either.
    contracts = TEXT.replace("morphops", NAME).replace('alerting = "error"', 'alerting = "none"')
    (folder / "pyproject.toml").write_text(contracts)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


def is_kept(tree: Path, *contracts: str) -> bool:
    """Whether these contracts hold; all of them where none is named."""
    code = lint_imports(
        config_filename=str(tree / "pyproject.toml"),
        limit_to_contracts=contracts,
        no_cache=True,
    )
    return code == EXIT_STATUS_SUCCESS


def module_of(tree: Path, name: str) -> Path:
    """A module's file; of a package, the file of a new module inside."""
    path = tree.joinpath(*name.replace("morphops", NAME, 1).split("."))
    return path / "added.py" if path.is_dir() else path.with_suffix(".py")


def test_a_tree_without_imports_keeps_them(tree: Path) -> None:
    assert is_kept(tree)


@pytest.mark.parametrize(("contract", "module", "imported"), sorted(bad_imports()))
def test_a_bad_import_breaks_its_contract(
    tree: Path, contract: str, module: str, imported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = module_of(tree, module)
    is_new = not file.exists()
    file.write_text(f"import {imported.replace('morphops', NAME, 1)}\n")
    try:
        assert not is_kept(tree, contract)
    finally:
        file.unlink() if is_new else file.write_text("")
    said = capsys.readouterr().out
    assert "BROKEN" in said
    assert "Could not run" not in said


def test_a_new_folder_needs_a_layer(tree: Path) -> None:
    added = tree / NAME / "added.py"
    added.touch()
    try:
        assert not is_kept(tree, "layers")
    finally:
        added.unlink()


def test_every_contract_is_seen_to_break() -> None:
    assert {contract for contract, _, _ in bad_imports()} == BY_ID.keys()


def test_the_architecture_page_says_what_the_contract_holds() -> None:
    """Its first table names every layer, and what each may import stands below it."""
    table = ARCHITECTURE.read_text().partition("\n| `")[2].partition("\n\n")[0]
    height = {name: -place for place, layer in enumerate(LAYERS) for name in layer}
    named = set()
    for row in f"| `{table}".splitlines():
        _, room, _, imports, _ = row.split("|")
        (name,) = re.findall(r"`(\w+)/?`", room)
        named.add(name)
        others = set(re.findall(r"`(\w+)/?`", imports)) - {name}
        assert others <= height.keys(), row
        assert all(height[other] < height[name] for other in others), row
    assert named == height.keys()


def test_the_architecture_page_names_the_adapters_that_operations_import() -> None:
    table = ARCHITECTURE.read_text().partition("\n| adapter |")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    direct = {
        f"morphops.adapters.{name}" for cell in cells for name in re.findall(r"`(\w+)`", cell)
    }
    found = pkgutil.iter_modules([str(ROOT / "morphops" / "adapters")], "morphops.adapters.")
    every = {module.name for module in found}
    assert direct == every - set(BY_ID["through-the-site"]["forbidden_modules"])
