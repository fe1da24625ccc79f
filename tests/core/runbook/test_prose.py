"""What a runbook says beside its commands comes before the eyes of whoever goes through it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from morphops.core.runbook import parse, prose
from morphops.core.runbook.model import unnumbered
from tests.paths import ROOT

TEXT = """# B

Of all.

## One

First `a
b`.

### 1. Look

Before it.

```sh {name=look}
inv status
```

Expect:

- exit: 0

* see: x

```text
after it
```

### Note

Between.

### 2. Again

```sh {name=again on-fail=bad}
inv status
```

Expect:

- exit: 0

### If it failed

Call her.

```sh {name=bad when=failure}
inv status
```

Expect:

- exit: 0

### Left

At last.

## Two

### L

```text {name=hand task=manual}
Do it.
```
"""


def test_each_passage_belongs_to_a_step_or_to_its_section() -> None:
    book = parse.parse(TEXT, "b", "b.md")
    assert book.intros == {"one": "First `a\nb`.", "two": ""}
    assert {step.name: step.prose for step in book.steps} == {
        "look": "Before it.\n\n```text\nafter it\n```",
        "again": "Note\n\nBetween.",
        "bad": "Call her.",
        "hand": "",
    }
    assert book.closings == {"one": "Left\n\nAt last."}


@pytest.mark.parametrize(
    ("markdown", "lines"),
    [
        ("", ()),
        ("one\ntwo", ("one two",)),
        ("one\n\ntwo", ("one", "", "two")),
        ("*a* **b** \\*c", ("a b *c",)),
        ("a\n\n- x\n  y\n- z\n  - in\n\nb", ("a", "", "- x y", "- z", "  - in", "", "b")),
        ("1. x\n2. y", ("1. x", "2. y")),
        ("| a | b |\n|---|---|\n| c | d |", ("| a | b |", "|---|---|", "| c | d |")),
        ("```text\nx  y\n```", ("  x  y",)),
        (f"{'word ' * 14}`inv x`", ("word " * 13 + "word", "`inv x`")),
    ],
)
def test_it_reads_without_markdown(markdown: str, lines: tuple[str, ...]) -> None:
    assert prose.plain(markdown) == lines


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("#go-back", "back (section go-back)"),
        ("rollback.md", "back (runbook rollback)"),
        ("rollback.md#go-back", "back (runbook rollback, section go-back)"),
        ("../ops/README.md#x", "back (../ops/README.md#x)"),
        ("https://example.com/x.md", "back (https://example.com/x.md)"),
    ],
)
def test_a_link_says_where_it_leads(link: str, shown: str) -> None:
    assert prose.line(f"[back]({link})") == shown


@pytest.mark.parametrize("path", sorted(ROOT.glob("runbooks/*.md")), ids=lambda path: path.stem)
def test_nothing_that_the_runbooks_say_is_left_out(path: Path) -> None:
    book = parse.parse(path.read_text(), path.stem, path.name)
    passages = [*book.intros.values(), *book.closings.values(), *(s.prose for s in book.steps)]
    shown = [prose.plain(text) for text in passages]
    assert max(len(row) for rows in shown for row in rows if not row.startswith("|")) <= 74
    words = " ".join(" ".join(rows) for rows in shown).split()
    seen = [prose.line(see) for step in book.steps for see in step.see]
    words += " ".join((*seen, *(f"{step.title} {step.command}" for step in book.steps))).split()
    for token in MarkdownIt("commonmark").parse(path.read_text().partition("\n## ")[2]):
        if token.type == "inline" and not re.match(r"(exit|json|Expect):", token.content):
            said = unnumbered(prose.line(token.content))
            missing = set(said.split()) - set(words) - set(" ".join(book.sections.values()).split())
            assert not {word.removeprefix("see:") for word in missing} - {""}, said
