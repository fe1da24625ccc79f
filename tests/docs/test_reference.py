"""The reference pages name every task, every variable and every exit code that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from morphops import errors
from morphops.tasks import ns

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def kinds(error: type[errors.MorphopsError]) -> Iterator[type[errors.MorphopsError]]:
    yield error
    for inner in error.__subclasses__():
        yield from kinds(inner)


def test_every_task_is_in_the_command_overview() -> None:
    named = set(re.findall(r"`inv ([a-z]+(?:\.[a-z]+)?)\b", page("commands")))
    assert set(ns.task_names) - {"history.show"} <= named  # `inv history`
    # Two of the next release are named before they are there.
    assert named <= {*ns.task_names, "history"}


def test_the_glossary_is_in_order() -> None:
    terms = re.findall(r"^### (.+)$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) > 30


def test_every_variable_is_documented() -> None:
    source = "".join(path.read_text() for path in ROOT.glob("morphops/**/*.py"))
    used = set(re.findall(r"\bMORPHOPS_[A-Z_]*[A-Z]\b", source))
    documented = set(re.findall(r"`(MORPHOPS_[A-Z_]+)`", page("environment")))
    assert used == documented
    assert len(used) > 10


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|", page("exit-codes"), re.MULTILINE)
    assert {int(row) for row in rows} >= {kind.EXIT for kind in kinds(errors.MorphopsError)}
    short = re.findall(r"^\| ([\d, ]+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert sorted(int(code) for row in short for code in row.split(",")) == sorted(map(int, rows))
