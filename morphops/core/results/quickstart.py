"""What `quickstart` comes to. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from morphops.core.results.deploy import DeployResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A question that was put to the stack.

    Attributes:
        question: in words.
        answer: what the stack said.
        expected: what the sample says.
        right: whether they agree.
    """

    question: str
    answer: object
    expected: object
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Quickstart(DeployResult):
    """A stack that answers.

    Attributes:
        state: `healthy`.
        exit: 0.
        release: what runs now.
        operation: its number in the history.
        changes: one object for each service.
        changed: whether anything but `keep` is among them.
        env_file: path of the values.
        answers: the questions of the sample.
        try_: commands to type next.
    """

    env_file: str
    answers: tuple[Answer, ...]
    try_: tuple[str, ...]
