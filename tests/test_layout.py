"""Helpers stand in modules of their own: a test module is no library."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TypeAlias

import pytest

from tests.paths import ROOT

pytestmark = pytest.mark.unmeasured

TESTS = ROOT / "tests"


Nodes: TypeAlias = Sequence[ast.AST]


def nodes(code: str) -> Nodes:
    """All of the syntax tree of code."""
    return tuple(ast.walk(ast.parse(code)))


@cache
def findings() -> tuple[dict[str, list[str]], ...]:
    """Of each file of the tests: imports from test modules, private names, code in strings."""
    found: tuple[dict[str, list[str]], ...] = ({}, {}, {})
    for path in sorted(TESTS.rglob("*.py")):
        tree = nodes(path.read_text())  # not kept: that of all files is large
        for of, look in zip(found, (from_test_modules, privates, codes_in_strings), strict=True):
            if here := list(look(tree)):
                of[str(path.relative_to(ROOT))] = here
    return found


def from_test_modules(nodes: Nodes) -> Iterator[str]:
    """The imports of code that take something from a test module or a `conftest`."""
    for node in nodes:
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
    assert findings()[0] == {}


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
    assert list(from_test_modules(nodes(code))) == found


def privates(nodes: Nodes) -> Iterator[str]:
    """The private names of morphops that code imports, reads or patches."""
    modules: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("morphops"):
            modules |= {alias.asname or alias.name for alias in node.names}
            yield from (alias.name for alias in node.names if is_private(alias.name))
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id in modules and is_private(node.attr):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and called(node) == "setattr":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    *_, name = argument.value.split(".")
                    if is_private(name):
                        yield argument.value


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_no_test_uses_a_private_name() -> None:
    assert findings()[1] == {}


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
    assert list(privates(nodes(code))) == found


def codes_in_strings(nodes: Nodes) -> Iterator[str]:
    """The code that a test hands to another process: its strings that import from morphops."""
    parts = {p for node in nodes if isinstance(node, ast.JoinedStr) for p in node.values}
    for node in nodes:
        text = node.value if isinstance(node, ast.Constant) and node not in parts else None
        if isinstance(text, str) and re.search(r"^(from|import) morphops", text, re.MULTILINE):
            yield text


def missing_names(code: str) -> Iterator[str]:
    """What code imports from morphops, or reads from a module of it, and is not there."""
    tree = ast.parse(code)
    imported: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("morphops"):
            for alias in node.names:
                try:
                    found = pkgutil.resolve_name(f"{node.module}:{alias.name}")
                except (ImportError, AttributeError):
                    try:
                        found = importlib.import_module(f"{node.module}.{alias.name}")
                    except ImportError:
                        yield f"{node.module}.{alias.name}"
                        continue
                imported[alias.asname or alias.name] = found
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = imported.get(node.value.id)
            if owner is not None and not hasattr(owner, node.attr):
                yield f"{node.value.id}.{node.attr}"


def test_code_that_runs_elsewhere_imports_what_is_there() -> None:
    """No type checker reads a string, and some of these run in the long tests only."""
    codes = {path: codes for path, codes in findings()[2].items() if path != "tests/test_layout.py"}
    assert codes, "the tests hand no code over any more, or it is not found"
    missing = {
        path: [n for code in found for n in missing_names(code)] for path, found in codes.items()
    }
    assert {path: names for path, names in missing.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from morphops import engine", ["morphops.engine"]),
        (
            "from morphops.adapters.store.hash_chain import Chain",
            ["morphops.adapters.store.hash_chain.Chain"],
        ),
        ("from morphops.core import schema\nschema.no_such_name = 0", ["schema.no_such_name"]),
        ("from morphops.errors import LockHeld\nLockHeld.__name__", []),
    ],
)
def test_a_name_that_is_missing_is_found(code: str, found: list[str]) -> None:
    assert list(missing_names(code)) == found
