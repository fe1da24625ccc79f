"""The words with which commands are run in containers."""

from __future__ import annotations

import pytest

from morphops.adapters.docker import commands
from morphops.core.requests import CommandRequest

WORDS = ("sh", "-c", "a 'b'  $c")


@pytest.mark.parametrize(
    ("attached", "terminal", "inside", "beside"),
    [
        (True, True, ["--interactive", "--tty"], []),
        (True, False, ["--interactive"], ["--no-TTY"]),
        # What is kept reads nothing, so that it cannot wait for a person.
        (False, False, [], ["--no-TTY"]),
    ],
)
def test_a_terminal_only_where_one_is(
    attached: bool, terminal: bool, inside: list[str], beside: list[str]
) -> None:
    request = CommandRequest(words=WORDS, attached=attached)
    assert commands.exec_words("id", request, terminal=terminal) == ["exec", *inside, "id", *WORDS]
    assert commands.run_words("web", request, terminal=terminal) == [
        "run",
        "--rm",
        "--no-deps",
        *beside,
        "web",
        *WORDS,
    ]
