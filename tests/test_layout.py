"""Helpers stand in modules of their own: a test module is no library."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.paths import ROOT

TESTS = ROOT / "tests"


def from_test_modules(code: str) -> Iterator[str]:
    """The imports of code that take something from a test module or a `conftest`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            if package == "tests" and any(p == "conftest" or p.startswith("test_") for p in parts):
                yield name


def test_nothing_is_imported_from_a_test_module() -> None:
    found = {str(p): list(from_test_modules(p.read_text())) for p in TESTS.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from tests.core.test_lock import Grip", ["tests.core.test_lock.Grip"]),
        ("from tests.core import test_lock", ["tests.core.test_lock"]),
        ("import tests.engine.conftest", ["tests.engine.conftest"]),
        ("def f():\n    from tests.engine.conftest import X", ["tests.engine.conftest.X"]),
        ("from tests.fakes import Recorder\nimport pytest", []),
        ("from morphops.test_kit import x", []),
    ],
)
def test_such_an_import_is_found(code: str, found: list[str]) -> None:
    assert list(from_test_modules(code)) == found


def privates(code: str) -> Iterator[str]:
    """The private names of morphops that code imports, reads or patches."""
    tree = ast.parse(code)
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("morphops"):
            modules |= {alias.asname or alias.name for alias in node.names}
            yield from (alias.name for alias in node.names if is_private(alias.name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in modules and is_private(node.attr):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and "setattr" in ast.unparse(node.func):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    *_, name = argument.value.split(".")
                    if is_private(name):
                        yield argument.value


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_no_test_uses_a_private_name() -> None:
    found = {str(p.relative_to(ROOT)): list(privates(p.read_text())) for p in TESTS.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from morphops.core import plan\nplan._x()", ["plan._x"]),
        ("from morphops.core.plan import _x", ["_x"]),
        ("monkeypatch.setattr('morphops.core.plan._x', 1)", ["morphops.core.plan._x"]),
        ("patch.setattr(plan, '_x', 1)", ["_x"]),
        ("from morphops import core\ncore.__name__\nself._x = 1", []),
    ],
)
def test_a_private_name_is_found(code: str, found: list[str]) -> None:
    assert list(privates(code)) == found
