"""What people and machines see; the only module that imports rich.

Results go to stdout, everything else to stderr: with `--json` stdout holds one JSON object and no
more. Colours and live tables only where the stream is a terminal and `NO_COLOR` is not set.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from morphops.errors import MorphopsError
from morphops.model import short

if TYPE_CHECKING:
    from rich.console import Console

_GOOD = {"healthy", "deployed", "running", "ok", "yes"}
_BAD = {"unhealthy", "failed", "exited", "no", "foreign", "missing"}


class Reporter:
    """Writes progress to stderr and the result to stdout.

    Args:
        json_: whether the result is to be one JSON object.
    """

    def __init__(self, json_: bool = False) -> None:
        self.json = json_

    @cached_property
    def _err(self) -> Console:
        return _console(stderr=True)

    @cached_property
    def _out(self) -> Console:
        return _console(stderr=False)

    def step(self, number: int, total: int, text: str) -> None:
        """A step begins."""
        self._err.print(f"[bold]\\[{number}/{total}][/bold] {_escape(text)}")

    def note(self, text: str) -> None:
        """Something to watch inside of a step."""
        self._err.print(f"      {_escape(text)}", style="dim")

    def undoing(self, error: MorphopsError) -> None:
        """A step failed, and the way back begins."""
        self._err.print(f"failed: {_escape(error.what)}", style="bold red")
        self._err.print("going back …", style="bold yellow")

    def say(self, text: str = "") -> None:
        """A line of a result for people; with `--json` it goes to stderr."""
        (self._err if self.json else self._out).print(_escape(text))

    def emit(self, result: Mapping[str, Any]) -> bool:
        """With `--json`, write the result as one object; says whether it did."""
        if self.json:
            sys.stdout.write(
                json.dumps(result, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
            )
        return self.json

    def markdown(self, text: str) -> None:
        """Markdown: rendered on a terminal, as it is elsewhere."""
        from rich.markdown import Markdown

        console = self._err if self.json else self._out
        if console.is_terminal:
            console.print(Markdown(text.partition("---\n")[2].partition("\n---\n")[2] or text))
        else:
            console.print(text, markup=False)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under headings; a plain, greppable table where stdout is no terminal."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(_coloured(cell) for cell in row))
        (self._err if self.json else self._out).print(table)


def status(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv status` for people."""
    release = view["release"] or "none"
    reporter.say(f"{view['project']}: {view['state']}")
    reporter.say(f"release of record: {release}" + _since(view["since"]))
    if view["services"]:
        rows = [
            (
                row["service"],
                row["state"],
                row["health"],
                {True: "yes", False: "no", None: "?"}[row["image"].get("matches")],
                short(row["image"]["digest"]),
                short(row["created_by"]) or "-",
                " ".join(row["ports"]) or "-",
            )
            for row in view["services"]
        ]
        heads = ("service", "state", "health", "as released", "image", "created by", "ports")
        reporter.table(heads, rows)
    for name, probe in view["probes"].items():
        reporter.say(f"{name}: {probe['reason']}")
    for difference in view["differences"]:
        reporter.say(f"difference: {difference}")
    if view["under_way"]:
        cut = view["under_way"]
        last = cut["steps"][-1] if cut["steps"] else "before its first step"
        reporter.say(f"cut off: {cut['kind']} of {short(cut['release'])} at: {last}")


def history(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv history` for people."""
    records = view["operations"]
    if not records:
        reporter.say("nothing was done here yet")
        return
    rows = [
        (
            str(row["id"]),
            row["began"],
            row["kind"],
            short(row["release"]) or "-",
            row["outcome"] or "cut off",
            row["user"],
            row["reason"] or row["error"],
        )
        for row in records
    ]
    reporter.table(("#", "began (UTC)", "kind", "release", "outcome", "by", "why / error"), rows)


def deployed(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The result of `deploy`, `rollback` and `up` for people."""
    if view["state"] == "planned":
        reporter.say(f"plan for release {view['release']} (nothing was changed)")
        for change in view["changes"]:
            reporter.say(f"  {change}")
        reporter.say("steps:")
        for number, step in enumerate(view["steps"], start=1):
            reporter.say(f"  {number:2}. {step}")
        reporter.say("on failure:")
        for step in view["undo"] or ("nothing is undone",):
            reporter.say(f"      {step}")
        return
    for change in view["changes"]:
        reporter.say(change)
    reporter.say(
        f"{view['state']}: {view['release']}" + ("" if view["changed"] else " (as before)")
    )


def release(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A release for people."""
    reporter.say(f"release {view['release']}")
    rows = [(name, image["ref"], image["platform"]) for name, image in view["images"].items()]
    reporter.table(("image", "reference", "platform"), rows)
    for key, value in sorted(view["labels"].items()):
        reporter.say(f"{key}: {value}")


def state(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A result that is one state, and the release it is about."""
    about = f": {view['release']}" if view.get("release") else ""
    reporter.say(f"{view['state']}{about}")


def logs(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Log lines, each with its service in front."""
    for service, lines in view["logs"].items():
        for line in lines:
            reporter.say(f"{service}  {line}")


def images(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Images that were built, by name."""
    reporter.table(("image", "reference"), sorted(view["images"].items()))
    if view.get("pushed"):
        reporter.say("next: inv release.create")


def registry(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The local registry."""
    where = f" at {view['address']}" if view["address"] else ""
    reporter.say(f"registry {view['container']}: {view['state']}{where} (data: {view['volume']})")


def host(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv host.check` for people."""
    rows = [
        (row["name"], "ok" if row["ok"] else "missing", row["found"], row["remedy"])
        for row in view["rows"]
    ]
    reporter.table(("what", "", "found", "to mend it"), rows)
    reporter.say("ready" if view["ready"] else "not ready")


def setup(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """`inv host.setup` for people."""
    reporter.say("ready" if view["done"] else "ready: nothing was missing")


def quickstart(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What quickstart brought: answers beside what the sample says, and what to try."""
    deployed(reporter, view)
    rows = [
        (a["question"], _brief(a["answer"]), _brief(a["expected"]), "yes" if a["right"] else "no")
        for a in view["answers"]
    ]
    reporter.table(("asked", "answer", "the sample says", "right"), rows)
    reporter.say(f"values: {view['env_file']}")
    reporter.say("try:")
    for line in view["try"]:
        reporter.say(f"  {line}")


def env_template(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Which generated files were written."""
    for path in view["written"] or ("every file is as the env schema has it",):
        reporter.say(path)


def env_init(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A new env file, and what a person has to fill in."""
    reporter.say(f"made {view['path']}, mode 0600; fresh: {', '.join(view['made']) or 'nothing'}")
    if view["left"]:
        reporter.say("left to fill in:")
        reporter.table(("variable", "what it is"), list(view["left"].items()))
    reporter.say(f"next: inv env.check --env-file={view['path']}")


def env_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """An env file without findings."""
    reporter.say(f"{view['env_file']}: ok, {view['variables']} variables")


def env_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Names, sources and fingerprints; no value."""
    rows = [
        (
            row["name"] + (" (secret)" if row["secret"] else ""),
            row["source"],
            row["fingerprint"] or "-",
        )
        for row in view["variables"]
    ]
    reporter.table(("variable", "from", "fingerprint"), rows)


def runbook_check(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """Runbooks without findings."""
    for name, steps in view["runbooks"].items():
        reporter.say(f"{name}: ok, {steps} steps")


def runbook_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A runbook, rendered on a terminal and as it is elsewhere."""
    reporter.markdown(view["text"])


def runbook_run(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A run that passed."""
    reporter.say(f"passed: {view['runbook']}, {view['section']}: {len(view['steps'])} steps")
    reporter.say(f"report: {view['report']}")


def pruned(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """What stays and why, what goes, and what that frees."""
    rows = [(short(digest), ", ".join(reasons)) for digest, reasons in view["kept"].items()]
    reporter.table(("stays", "because"), rows)
    if view["nothing"]:
        reporter.say("nothing to remove")
    for digest in view["releases"]:
        reporter.say(f"release {short(digest)}")
    for reference in view["references"]:
        reporter.say(f"image {reference}")
    for number in view["deployments"]:
        reporter.say(f"values and files of deployment {number}")
    for reference in view.get("refused", ()):
        reporter.say(f"the engine kept {reference}")
    if view["state"] == "planned":
        reporter.say(f"frees at most {_bytes(view['at_most'])}; nothing was removed (--apply)")
    else:
        reporter.say(f"freed {view['freed']} bytes ({_bytes(view['freed'])})")


def release_list(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """The releases that are stored here."""
    rows = [
        (
            short(row["release"]),
            row["last"] or "-",
            row["outcome"] or "not deployed yet",
            row["pinned"] or "-",
            ", ".join(row["kept_by"]) or "nothing: inv prune removes it",
        )
        for row in view["releases"]
    ]
    reporter.table(("release", "last used (UTC)", "outcome", "pinned", "kept by"), rows)


def release_show(reporter: Reporter, view: Mapping[str, Any]) -> None:
    """A release, and what was done with it."""
    release(reporter, view)
    reporter.say(f"kept by: {', '.join(view['kept_by']) or 'nothing'}")
    for row in view["operations"]:
        reporter.say(f"{row['began']} {row['kind']}: {row['outcome'] or 'cut off'}")


def _bytes(count: int) -> str:
    from rich.filesize import decimal

    return decimal(count)


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 34 else f"{text[:22]}… ({len(text)} characters)"


def error(err: MorphopsError) -> None:
    """A failure, on stderr: what, details, state, next."""
    console = _console(stderr=True)
    first, *rest = err.message().splitlines()
    console.print(_escape(first), style="bold red")
    for line in rest:
        console.print(_escape(line))


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    # A pipe has no width: rich would fold digests at 80 columns and make them useless to grep.
    width = None if stream.isatty() else 200
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=width)


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _coloured(cell: str) -> str:
    if cell in _GOOD:
        return f"[green]{cell}[/green]"
    if cell in _BAD:
        return f"[red]{cell}[/red]"
    return _escape(cell)


def _since(when: str) -> str:
    return f" (since {when})" if when else ""
