"""What is shown is shown to nobody where the terminal is gone, and that is no failure."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from morphops.errors import PreconditionError
from morphops.report import console, env
from morphops.report.console import Reporter
from morphops.runbook_reader import without_front

ROOT = Path(__file__).parents[1]


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


def at_a_terminal(columns: int, script: str) -> str:
    """What a Python script shows at a terminal of so many columns, without its colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**environ, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # its end
            while data := os.read(ours, 65536):
                shown += data
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", shown.decode())


def test_a_narrow_terminal_shows_each_word_of_a_runbook() -> None:
    paths = sorted(ROOT.glob("runbooks/*.md"))
    shown = at_a_terminal(
        80,
        "from pathlib import Path\n"
        "from morphops.report.console import Reporter\n"
        f"for path in {[str(path) for path in paths]}:\n"
        "    Reporter().markdown(Path(path).read_text())\n",
    )
    # A word may be broken where it is longer than a line, and a frame stands around headings.
    text = re.sub(r"[^!-~]", "", shown)
    for path in paths:
        parser = MarkdownIt("commonmark").enable("table")
        for token in parser.parse(without_front(path.read_text())):
            said = [token, *(token.children or ())]
            kinds = ("text", "code_inline", "fence")
            words = [word for t in said if t.type in kinds for word in t.content.split()]
            missing = [word for word in words if re.sub(r"[^!-~]", "", word) not in text]
            assert not missing, (path.name, token.map)
    assert max(map(len, shown.split("\r\n"))) <= 80


@pytest.mark.parametrize(
    ("count", "says"), [(0, "0 variables"), (1, "1 variable"), (2, "2 variables")]
)
def test_one_is_one(count: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    view = {"env_file": "a.env", "encrypted": False, "variables": count}
    env.env_check(Reporter(), view)
    assert capsys.readouterr().out == f"a.env: ok, {says}\n"
