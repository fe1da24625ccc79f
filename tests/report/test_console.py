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
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from morphops.core.results.audit import AuditEntry, AuditTrail
from morphops.core.results.env import EnvCheck
from morphops.core.runbook.front import without_front
from morphops.errors import PreconditionError
from morphops.report import audit, console, env
from morphops.report.console import Reporter
from tests.paths import ROOT


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
    result = EnvCheck(state="ok", env_file="a.env", encrypted=False, variables=count)
    env.env_check(Reporter(), result)
    assert capsys.readouterr().out == f"a.env: ok, {says}\n"


Rows = Sequence[Sequence[str]]
Narrow = Callable[[Sequence[str], Rows], list[str]]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Narrow:
    """Shows a table on a terminal of 80 columns, and says line by line what came there."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("COLUMNS", raising=False)

    def show(columns: Sequence[str], rows: Rows) -> list[str]:
        theirs, ours = pty.openpty()
        termios.tcsetwinsize(ours, (24, 80))
        with os.fdopen(ours, "w") as terminal, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", terminal)
            Reporter().table(columns, rows)
            terminal.write("end\n")
            terminal.flush()
            text = b""
            while not text.endswith(b"end\r\n"):
                text += os.read(theirs, 65536)
        os.close(theirs)
        return text.decode().splitlines()[:-1]

    return show


DIGEST = "f16b5ef00006"
AT = "2026-11-25T22:10:11+00:00"
WHEN = "2026-11-25 22:10:11"


def test_what_has_room_stands_in_its_row(narrow: Narrow) -> None:
    lines = narrow(("release", "last used (UTC)"), [(DIGEST, AT), ("b", "-")])
    assert lines == ["release       last used (UTC)", f"{DIGEST}  {WHEN}", "b             -"]


def test_only_the_last_column_is_broken_and_between_words(narrow: Narrow) -> None:
    reason = f"the {DIGEST} of yesterday, which was found to answer in two seconds"
    head, first, *rest = narrow(("of", "began (UTC)", "why"), [(DIGEST, AT, reason)])
    assert head == "of            began (UTC)          why"
    assert first.startswith(f"{DIGEST}  {WHEN}  the {DIGEST} of")
    assert all(line.startswith(" " * 35) for line in rest)
    assert " ".join([first[35:], *(line.strip() for line in rest)]) == reason


def test_what_has_no_room_stands_below_its_row(narrow: Narrow) -> None:
    row = ("rpc-adapter", "running", "unhealthy", "yes", DIGEST, DIGEST)
    heads = ("service", "state", "health", "as released", "image", "created by", "ports")
    head, first, ports, second = narrow(heads, [(*row, "127.0.0.1:8545"), (*row, "-")])
    assert head.split() == " ".join(heads[:-1]).split()
    assert first == second == f"rpc-adapter  running  unhealthy  yes          {DIGEST}  {DIGEST}"
    assert ports == "    ports: 127.0.0.1:8545"


def test_a_digest_is_whole_also_where_it_is_longer_than_the_terminal(
    narrow: Narrow,
) -> None:
    reference = f"127.0.0.1:5000/shop/api@sha256:{'a' * 64}"
    rows = [("api", reference, "linux/amd64")]
    assert reference in narrow(("image", "reference", "platform"), rows)[1]


def test_a_pipe_has_no_width(capsys: pytest.CaptureFixture[str]) -> None:
    says = "variables " + " ".join(f"NAME_{number}" for number in range(80))
    Reporter().table(("at (UTC)", "says"), [(AT, f"{says}\nand more")])
    assert capsys.readouterr().out.splitlines()[1] == f"{WHEN}  {says} and more"


def test_what_an_entry_says_is_no_python(capsys: pytest.CaptureFixture[str]) -> None:
    says = {"variables": ["CAS_URL", "DICT_URL"], "touches": False, "values": {"a": 1}, "was": []}
    entry = AuditEntry(seq=1, at=AT, operation=7, entry="begin", hash="a" * 64, says=says)
    audit.audit_show(Reporter(), AuditTrail(entries=(entry,)))
    row = capsys.readouterr().out.splitlines()[1]
    assert row.endswith("variables CAS_URL DICT_URL, touches no, values a=1, was none")


ESCAPES = "\x1b]0;title\x07\x1b[2J\x1b[H\x9b2Jhealthy: sha256:\u202e"


def test_texts_of_others_do_not_steer_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """One place shows them as text, whatever the reporter is asked to show."""
    for json in (False, True):
        reporter = Reporter(json)
        reporter.step(1, 2, ESCAPES)
        reporter.waiting(ESCAPES)
        reporter.undoing(PreconditionError(ESCAPES))
        reporter.say(ESCAPES)
        reporter.table(["a", "b"], [[ESCAPES, ESCAPES]])
        reporter.markdown(ESCAPES)
        reporter.emit(EnvCheck(state="ok", exit=0, env_file=ESCAPES, encrypted=False, variables=1))
        console.error(PreconditionError(ESCAPES, detail=(ESCAPES,), state=ESCAPES, hint=ESCAPES))
        reporter.flush()
    said = "".join(capfd.readouterr())
    assert r"\x1b[2J" in said
    assert not {c for c in said if (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0}
    assert "\u202e" not in said
