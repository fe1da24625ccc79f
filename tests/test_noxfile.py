"""What the nox sessions do where no engine answers. nox itself is not needed for that."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.paths import ROOT

NOXFILE = ROOT / "noxfile.py"


class Ended(Exception):
    """A session came to an end before its own."""


class Session:
    """Notes what would run."""

    posargs: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.ran: list[str] = []

    def install(self, *words: str) -> None:
        """Nothing is installed."""

    def run(self, *words: str, env: dict[str, str] | None = None) -> None:
        self.ran.append(" ".join(words[:2]))

    def error(self, why: str) -> None:
        raise Ended(f"failed: {why}")

    def skip(self, why: str) -> None:
        raise Ended(f"skipped: {why}")


@pytest.fixture
def noxfile(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    def session(function: Callable[..., None] | None = None, **_: Any) -> Any:
        return function or session

    nox = SimpleNamespace(session=session, needs_version="", options=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "nox", nox)
    spec = importlib.util.spec_from_file_location("noxfile_here", NOXFILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Puts a docker client on the PATH that ends with some code; there is none before."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def answers(code: int) -> None:
        client = tmp_path / "docker"
        client.write_text(f"#!/bin/sh\nexit {code}\n")
        client.chmod(0o755)

    return answers


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(("ci", "says"), [("true", "failed: .* in CI"), ("", "skipped: ")])
@pytest.mark.parametrize("session", ["engine", "ops", "faults", "e2e"])
def test_without_an_engine(
    noxfile: ModuleType,
    engine: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    session: str,
    ci: str,
    says: str,
    installed: bool,
) -> None:
    monkeypatch.setenv("CI", ci)
    if installed:
        engine(1)
    here = Session()
    with pytest.raises(Ended, match=says):
        getattr(noxfile, session)(here)
    # To be checked the artifacts need a client, and no engine.
    assert here.ran == (["inv bundle.check"] if session in ("engine", "ops") and installed else [])


def test_with_an_engine(noxfile: ModuleType, engine: Callable[[int], None]) -> None:
    engine(0)
    here = Session()
    noxfile.engine(here)
    noxfile.ops(here)
    assert here.ran == ["inv bundle.check", "pytest -m"] * 2


def test_what_a_developer_runs_is_not_measured_and_what_all_of_nox_runs_is(
    noxfile: ModuleType,
) -> None:
    measured, plain = Session(), Session()
    noxfile.tests(plain)
    noxfile.coverage(measured)
    assert plain.ran == ["pytest -m"]
    assert measured.ran == ["pytest -m", "coverage report", "coverage report"]
    default = noxfile.nox.options.sessions
    assert ("coverage" in default, "tests" in default) == (True, False)


def test_what_the_fast_tests_leave_out_needs_an_engine(noxfile: ModuleType) -> None:
    modules = [path for folder in noxfile.ENGINE for path in (ROOT / folder).rglob("test_*.py")]
    assert modules
    marked = re.compile(r"^pytestmark = .*pytest\.mark\.engine\b", re.MULTILINE)
    assert [path for path in modules if not marked.search(path.read_text())] == []


@pytest.mark.parametrize(
    ("free", "flags", "there"),
    [
        (2**31, 0, {"PYTEST_DEBUG_TEMPROOT": "/dev/shm"}),
        (2**20, 0, {}),  # as in a container
        (2**31, os.ST_NOEXEC, {}),
    ],
)
def test_files_are_kept_in_memory_where_there_is_room(
    noxfile: ModuleType, monkeypatch: pytest.MonkeyPatch, free: int, flags: int, there: object
) -> None:
    monkeypatch.setattr(noxfile.os, "access", lambda *_: True)
    monkeypatch.setattr(noxfile.os, "statvfs", lambda _: SimpleNamespace(f_flag=flags))
    monkeypatch.setattr(noxfile.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert noxfile.in_memory() == there
