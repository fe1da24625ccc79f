"""What a step of a runbook expects: the list below `Expect:` that follows its command. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it.tree import SyntaxTreeNode


@dataclass(slots=True)
class Expectations:
    """What a step expects.

    Attributes:
        items: how many items the list has.
        exits: exit codes.
        json: JMESPath expressions.
        see: what a person should look at.
        faults: what is wrong: line, what, remedy.
    """

    items: int = 0
    exits: list[int] = field(default_factory=list)
    json: list[str] = field(default_factory=list)
    see: list[str] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, line: int, item: str) -> None:
        """Reads an item of the list."""
        key, colon, value = item.partition(":")
        value = _unquoted(value.strip())
        known = {"exit": self._add_exits, "json": self._add_json, "see": self._add_see}
        if key in known and colon and (value or key == "exit"):
            known[key](line, value)
        else:
            remedy = "- exit: N, - json: …, or - see: …"
            self.faults.append((line, f"{item!r} is not an expectation", remedy))

    def _add_exits(self, line: int, text: str) -> None:
        words = [word.strip() for word in text.split(",")]
        if all(word.isdecimal() and int(word) < 256 for word in words):
            self.exits += map(int, words)
        else:
            remedy = "one or more numbers below 256, with commas"
            self.faults.append((line, f"exit: {text}", remedy))

    def _add_json(self, _: int, text: str) -> None:
        self.json.append(text)

    def _add_see(self, _: int, text: str) -> None:
        self.see.append(text)


def read(command: SyntaxTreeNode) -> Expectations:
    """Returns what a step expects.

    Args:
        command: the step's fence; its list may come before the next heading or fence.
    """
    found = Expectations()
    for list_node in _lists(command):
        for line, item, nested in _items(list_node):
            found.items += 1
            if nested:
                what = f"{item!r} stands under an expectation"
                found.faults.append((line, what, "one list, not indented"))
            else:
                found.add(line, item)
    return found


def begins(node: SyntaxTreeNode) -> bool:
    """Returns whether a block is the paragraph `Expect:`."""
    return node.type == "paragraph" and node.children[0].content == "Expect:"


def _lists(command: SyntaxTreeNode) -> Iterator[SyntaxTreeNode]:
    """The list after `Expect:`. Another bullet begins another list in Markdown; to people one."""
    expecting = found = False
    after = command.siblings[command.siblings.index(command) + 1 :]
    for node in after:
        if node.type in ("heading", "fence"):
            return
        if node.type == "bullet_list" and expecting:
            found = True
            yield node
        elif found:
            return
        expecting = expecting or begins(node)


def _items(node: SyntaxTreeNode, nested: bool = False) -> Iterator[tuple[int, str, bool]]:
    """Line and text of each item, and whether it is in a list inside of the list."""
    for child in node.children:
        if child.type == "inline":
            yield (child.map[0] + 1 if child.map else 0), child.content, nested
        else:
            inner = child.type in ("bullet_list", "ordered_list")
            yield from _items(child, nested or inner)


def _unquoted(text: str) -> str:
    """Without the backquotes around the whole of it."""
    whole = len(text) > 1 and text[0] == text[-1] == "`" and "`" not in text[1:-1]
    return text[1:-1] if whole else text
