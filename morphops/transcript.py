"""The transcript of a runbook's run: JSON lines that prove themselves, and a report to read."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from morphops.errors import InputError
from morphops.model import short
from morphops.runbook import Runbook, Step


@dataclass(frozen=True, slots=True)
class Checked:
    """One expectation, and whether it was met."""

    expect: str
    met: bool
    got: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run came, as its entries say.

    Attributes:
        begin: the first entry.
        passed: names of the steps that passed.
        ended: whether it came to its end.
    """

    begin: Mapping[str, Any]
    passed: frozenset[str] = field(default_factory=frozenset)
    ended: bool = False


def progress(entries: Sequence[Mapping[str, Any]]) -> Progress | None:
    """How far a run came; None where not even its beginning was written."""
    if not entries or entries[0].get("entry") != "begin":
        return None
    passed = {e["step"] for e in entries if e["entry"] == "result" and e["passed"]}
    return Progress(entries[0], frozenset(passed), entries[-1]["entry"] == "end")


def refuse_other(book: Runbook, section: str, run: Progress) -> None:
    """Refuse to go on with a run of another text.

    Raises:
        InputError: the runbook was changed since, or it is another section.
    """
    begun = run.begin
    if (begun["runbook"], begun["section"]) != (book.name, section):
        raise InputError(
            f"the run that was stopped is one of {begun['runbook']}, {begun['section']}"
        )
    if begun["digest"] != book.digest:
        raise InputError(
            f"{book.file} was changed since the run began ({short(begun['digest'])} then, "
            f"{short(book.digest)} now)",
            state="nothing was done",
            hint=f"inv runbook.run {book.name} --section={section}   (begins anew)",
        )


def judge(step: Step, code: int, document: Any) -> tuple[Checked, ...]:
    """Whether each of a step's expectations is met.

    Args:
        step: says what to expect.
        code: the command's exit code.
        document: what it wrote to stdout, where that is JSON.
    """
    from morphops.documents import find

    wanted = ", ".join(map(str, step.exits))
    return (
        Checked(f"exit: {wanted}", code in step.exits, f"exit: {code}"),
        *(Checked(f"json: {text}", find(text, document) is True) for text in step.json),
    )


def report(entries: Sequence[Mapping[str, Any]], title: str, head: str) -> str:
    """The run as Markdown, for the one who was not there.

    Args:
        entries: of the transcript.
        title: of the runbook.
        head: hash of the last entry, so that the transcript's end can be checked too.
    """
    begin = entries[0]
    end = entries[-1] if entries[-1]["entry"] in ("end", "stop") else {}
    rows = [
        ("outcome", end.get("outcome", "under way")),
        ("runbook", f"{begin['runbook']}, {begin['section']} ({begin['digest']})"),
        ("by", f"{begin['user']} on {begin['host']}"),
        ("began", begin["at"]),
        ("ended", end.get("at", "")),
        ("release before", begin["release"] or "none"),
        ("release after", end.get("release", "") or "none"),
        *((f"input {name}", value) for name, value in begin["inputs"].items()),
        ("transcript's last hash", head),
    ]
    lines = [f"# {title}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows]
    number = 0
    for entry in entries:
        match entry["entry"]:
            case "resume":
                lines += ["", f"*Resumed by {entry['user']} at {entry['at']}.*"]
            case "result":
                number += 1
                lines += _step_report(number, entry)
    return "\n".join(lines) + "\n"


def _step_report(number: int, entry: Mapping[str, Any]) -> list[str]:
    verdict = "passed" if entry["passed"] else "**failed**"
    lines = ["", f"## {number}. {entry['title']}: {verdict}", ""]
    if entry["signed_by"]:
        lines += [entry["command"], "", f"Signed off by {entry['signed_by']} at {entry['at']}."]
        return lines
    lines += ["```sh", entry["command"], "```", ""]
    lines.append(f"{entry['began']}, {entry['seconds']:g} s.")
    lines.append("")
    for checked in entry["expectations"]:
        got = f" (got {checked['got']})" if checked["got"] and not checked["met"] else ""
        lines.append(
            f"- {'as expected' if checked['met'] else '**not met**'}: `{checked['expect']}`{got}"
        )
    if entry["output"]:
        lines += ["", "```text", *entry["output"], "```"]
    return lines


def shown(words: Sequence[str]) -> str:
    """A command as a person would type it."""
    return shlex.join(["inv", *words])


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
