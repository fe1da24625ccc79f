"""The transcript of a runbook's run: JSON lines that prove themselves, and a report to read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from morphops.core.release.digest import short
from morphops.core.runbook.model import Runbook, Step, unnumbered
from morphops.errors import InputError, MorphopsError

_LAST_HASH = re.compile(r"^\| transcript's last hash \| (?P<hash>[0-9a-f]{64}) \|$", re.MULTILINE)


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
        passed: names of the steps that passed in their own place.
        ended: whether it came to its end.
        inputs: those that it began with, and those that were asked for since.
    """

    begin: Mapping[str, Any]
    passed: frozenset[str] = field(default_factory=frozenset)
    ended: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)

    def is_of(self, runbook: str, section: str) -> bool:
        """Whether it is a run of this section."""
        return (self.begin["runbook"], self.begin["section"]) == (runbook, section)


def progress(entries: Sequence[Mapping[str, Any]]) -> Progress | None:
    """How far a run came; None where not even its beginning was written."""
    if not entries or entries[0].get("entry") != "begin":
        return None
    results = [entry for entry in entries if entry["entry"] == "result" and entry["passed"]]
    # What was done because another step failed says nothing of the time when its own turn comes.
    passed = {entry["step"] for entry in results if not entry.get("on_fail_of")}
    ended = entries[-1]["entry"] == "end"
    return Progress(entries[0], frozenset(passed), ended, _inputs(entries))


def _inputs(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    asked = {e["name"]: e["value"] for e in entries if e["entry"] == "input"}
    return {**entries[0]["inputs"], **asked}


def told(run: Progress) -> str:
    """Which run it is, in one line: when it was begun, by whom, and with what."""
    begin = run.begin
    said = ", ".join(f"{name}={value}" for name, value in run.inputs.items())
    return f"goes on with the run that {begin['user']} began at {begin['at']}" + (
        f": {said}" if said else ""
    )


def refuse_other(book: Runbook, section: str, run: Progress) -> None:
    """Refuse to go on with a run of another text.

    Raises:
        InputError: the runbook was changed since.
    """
    begun = run.begin
    if begun["digest"] != book.digest:
        raise InputError(
            f"{book.file} was changed since the run began ({short(begun['digest'])} then, "
            f"{short(book.digest)} now)",
            state="nothing was done",
            hint=f"{book.command(section)}   (begins a new run)",
        )


def judge(step: Step, code: int, document: Any, *, timed_out: bool = False) -> tuple[Checked, ...]:
    """Returns for each of a step's expectations whether it is met.

    Args:
        step: says what to expect.
        code: the command's exit code.
        document: what it wrote to stdout, where that is JSON.
        timed_out: whether it was told to stop because its time was over.
    """
    from morphops.core.jmespath import search

    wanted = ", ".join(map(str, step.exits))
    late = Checked(f"within {step.timeout:g} s", met=False, got="told to stop")
    return (
        Checked(f"exit: {wanted}", code in step.exits, f"exit: {code}"),
        *(Checked(f"json: {text}", search(text, document) is True) for text in step.json),
        *((late,) if timed_out else ()),
    )


def missed(checked: Sequence[Checked]) -> tuple[str, ...]:
    """Returns a line for each expectation that is not met."""
    return tuple(
        f"expected {c.expect}" + (f", got {c.got}" if c.got else "") for c in checked if not c.met
    )


def failure(document: Any) -> MorphopsError:
    """Return what a command with `--json` says of its failure: an error, or a check's findings.

    Every part is empty where it says neither.

    Args:
        document: what it wrote to stdout, where that is JSON.
    """
    told = document if isinstance(document, dict) else {}
    error = told.get("error")
    if not isinstance(error, dict):
        return _found(told)
    detail = error.get("detail")
    return MorphopsError(
        str(error.get("what", "")),
        state=str(error.get("state", "")),
        hint=str(error.get("next", "")),
        detail=tuple(map(str, detail)) if isinstance(detail, list) else (),
    )


def _found(told: Mapping[str, Any]) -> MorphopsError:
    """Return what a check says of its findings."""
    rows = told.get("findings")
    listed = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    texts = tuple(str(row.get("text", "")) for row in listed)
    if not texts:
        return MorphopsError("")
    one = len(texts) == 1
    return MorphopsError(
        texts[0] if one else f"{len(texts)} findings",
        hint=str(told.get("next", "")),
        detail=() if one else texts,
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
        *((f"input {name}", value) for name, value in _inputs(entries).items()),
        ("transcript's last hash", head),
    ]
    lines = [f"# {title}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_cell(value)} |" for name, value in rows]
    lines += _quoted(begin.get("intro", ()))
    number = 0
    for entry in entries:
        match entry["entry"]:
            case "resume":
                lines += ["", f"*Resumed by {entry['user']} at {entry['at']}.*"]
            case "result":
                number += 1
                lines += _step_report(number, entry)
    lines += _quoted(end.get("closing", ()))
    return "\n".join(lines) + "\n"


def last_hash(report: str) -> str:
    """The hash of the transcript's last entry, as a report has it; empty where it has none."""
    found = _LAST_HASH.search(report)
    return found["hash"] if found else ""


def _step_report(number: int, entry: Mapping[str, Any]) -> list[str]:
    verdict = "passed" if entry["passed"] else "**failed**"
    # Theirs is the order in which they were done.
    title = unnumbered(entry["title"])
    if entry.get("on_fail_of"):  # its title may say no more than: if something failed
        title = f"Because {entry['on_fail_of']} failed, {entry['step']}"
    lines = ["", f"## {number}. {title}: {verdict}"]
    lines += [*_quoted(entry.get("prose", ())), ""]
    if entry["signed_by"]:
        signed = f"Signed off by {_plain(entry['signed_by'])} at {entry['at']}."
        lines += [entry["command"], "", signed]
        return lines
    lines += [*_fenced("sh", [entry["command"]]), ""]
    lines.append(f"{entry['began']}, {entry['seconds']:g} s.")
    lines.append("")
    for checked in entry["expectations"]:
        got = f" (got {checked['got']})" if checked["got"] and not checked["met"] else ""
        lines.append(
            f"- {'as expected' if checked['met'] else '**not met**'}: `{checked['expect']}`{got}"
        )
    if entry["output"]:
        lines += ["", *_fenced("text", entry["output"])]
    return lines


def _plain(text: str) -> str:
    """What a person typed, as text of one line that is no Markdown and no HTML."""
    return re.sub(r"([\\`*_\[\]<>#|&])", r"\\\1", " ".join(text.split()))


def _quoted(lines: Sequence[str]) -> list[str]:
    """What the runbook says, as a quotation."""
    return ["", *(f"> {line}".rstrip() for line in lines)] if lines else []


def _fenced(language: str, lines: Sequence[str]) -> list[str]:
    """A fence that nothing in it can close: longer than every run of backquotes."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def shown(words: Sequence[str]) -> str:
    """A command as a person would type it."""
    return shlex.join(["inv", *words])


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
