"""What a container writes decides neither how much is read nor how much is shown."""

from __future__ import annotations

import pytest

from morphops.core import log_lines
from morphops.core.redact import Redactor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\nb",
        "\\" * 2_000_000,
        "x\n" * 500_000,
        "\n" * 300_000,
        ("y" * 9_000 + "\n") * 90,
    ],
    ids=["nothing", "short", "one line", "lines", "empty lines", "long lines"],
)
def test_the_work_is_bounded_whatever_was_written(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "MOST", log_lines.MOST // 10)  # the same holds of less
    redacted: list[int] = []

    def redact(line: str) -> str:
        redacted.append(len(line))
        return line

    lines = log_lines.last_lines(text, redact)
    assert sum(redacted) <= 2 * log_lines.MOST
    assert all(len(line) <= log_lines.LONGEST + 10 for line in lines)


def test_the_last_lines_are_kept_and_what_is_cut_is_said() -> None:
    assert log_lines.last_lines("a\nb\n", str) == ("a", "b")
    long = log_lines.last_lines("first\n" + "x" * log_lines.MOST + "\nlast", str)
    assert long == ("… (cut)", "last")
    (line,) = log_lines.last_lines("x" * (log_lines.LONGEST + 1), str)
    assert line == "x" * log_lines.LONGEST + " … (cut)"


@pytest.mark.parametrize("before", range(log_lines.LONGEST - 30, log_lines.LONGEST + 5, 5))
def test_a_secret_at_the_cut_is_not_shown(before: int) -> None:
    secret = "sk-sentinel-at-the-cut"
    for many in ("x" * before, (secret + "x" * 978) * 4 + "x" * (before - 4_000)):
        (line,) = log_lines.last_lines(many + secret * 999, Redactor([secret]))
        assert "sk-" not in line
