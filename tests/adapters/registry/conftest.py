"""A fake registry, and a Docker configuration of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.registry.fake_registry import FakeRegistry, running


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with running() as server:
        yield server


@pytest.fixture
def other() -> Iterator[FakeRegistry]:
    """Another host."""
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "config.json"
