"""What is shown is shown to nobody where the terminal is gone, and that is no failure."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from morphops.errors import PreconditionError
from morphops.report import console, env
from morphops.report.console import Reporter


@pytest.fixture
def hung_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard output and standard error are a terminal that hung up."""
    theirs, ours = pty.openpty()
    os.close(theirs)
    with os.fdopen(ours, "w") as terminal:
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(f"sys.{name}", terminal)
        yield


@pytest.mark.usefixtures("hung_up")
def test_a_terminal_that_hung_up() -> None:
    reporter = Reporter()
    reporter.step(1, 2, "start")
    reporter.note("waiting")
    reporter.undoing(PreconditionError("it failed"))
    console.error(PreconditionError("it failed", state="whole"))
    Reporter().table(["a"], [["b"]])
    Reporter().say("done")


def test_a_result_that_a_full_disk_does_not_take_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with suppress(OSError), Path("/dev/full").open("w") as full:  # it is flushed once more
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(OSError, match="No space left"):
            Reporter().say("done")


@pytest.mark.parametrize(
    ("count", "says"), [(0, "0 variables"), (1, "1 variable"), (2, "2 variables")]
)
def test_one_is_one(count: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    view = {"env_file": "a.env", "encrypted": False, "variables": count}
    env.env_check(Reporter(), view)
    assert capsys.readouterr().out == f"a.env: ok, {says}\n"
