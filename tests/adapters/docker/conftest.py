"""An engine in this process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.docker.fake_engine import FakeEngine


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    # Not below pytest's folder: the path of a unix socket has at most 107 bytes.
    with tempfile.TemporaryDirectory() as folder, FakeEngine(Path(folder) / "s") as engine:
        yield engine
