"""Use cases around runbooks: check them, show one, run one."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from morphops import child, journal, runbook, transcript
from morphops import runbook_rules as rules
from morphops.app import environment
from morphops.app.site import Site
from morphops.artifacts.finding import Finding
from morphops.catalogue import Catalogue
from morphops.chain import Chain
from morphops.engine import Signals
from morphops.errors import (
    ConfigError,
    InputError,
    Interrupted,
    MorphopsError,
    PreconditionError,
    StepFailed,
)
from morphops.prompt import Prompt
from morphops.runbook import Runbook, Step

_SHOWN = 20  # lines of output that a transcript keeps of each step


def check(site: Site, name: str = "") -> dict[str, Any]:
    """Check the runbooks against the tasks that there are.

    Args:
        site: where.
        name: of one runbook; empty for all, and then every task that changes something must stand
            in one of them.

    Raises:
        InputError: with every finding, as `file:line: what; remedy`.
    """
    books = [_read(site, name)] if name else list(_all(site).values())
    found = findings(site, books, whole=not name)
    if found:
        raise InputError(
            f"the runbooks have {len(found)} findings" if len(found) > 1 else str(found[0]),
            detail=tuple(map(str, found)) if len(found) > 1 else (),
            hint="mend what is named, then inv runbook.check",
        )
    return {"state": "ok", "runbooks": {book.name: len(book.steps) for book in books}}


def findings(site: Site, books: Sequence[Runbook], *, whole: bool) -> tuple[Finding, ...]:
    """Every finding in some runbooks.

    Args:
        site: where.
        books: which.
        whole: they are all there are, so every task that changes something must stand in them.
    """
    tasks = Catalogue.load(site.folder)
    found = rules.check(books, tasks, _link_targets(_folder(site)))
    if whole:
        found += rules.missing(books, tasks, _shown(site, _folder(site)))
    return found


def show(site: Site, name: str) -> dict[str, Any]:
    """A runbook's text, and its steps for machines."""
    book = _read(site, name)
    return {
        "name": book.name,
        "digest": book.digest,
        "title": book.title,
        "inputs": {key: asdict(spec) for key, spec in book.inputs.items()},
        "sections": dict(book.sections),
        "steps": [asdict(step) for step in book.steps],
        "text": (_folder(site) / f"{name}.md").read_text(encoding="utf-8"),
    }


def run(
    site: Site,
    name: str,
    *,
    section: str,
    inputs: Mapping[str, str],
    prompt: Prompt,
    resume: bool,
) -> dict[str, Any]:
    """Go through a runbook's section step by step, and keep a transcript.

    Args:
        site: where.
        name: of the runbook.
        section: anchor of the section; may be empty where there is just one, or a main one.
        inputs: what the operator said.
        prompt: asks before each step.
        resume: go on where the last run of this section stopped.

    Returns:
        what was done, and where the transcript lies.

    Raises:
        InputError: the runbook has findings, an input is missing or malformed, nobody is there.
        StepFailed: a step failed; its exit code is the step's.
        Interrupted: by a signal; what the step had begun is whole.
    """
    book = _read(site, name)
    found = findings(site, [book], whole=False)
    if found:
        raise InputError(f"{book.file} has findings", detail=tuple(map(str, found)))
    section = _section(book, section)
    signals = Signals()
    if resume:
        folder, begun = _last_stopped(site, book, section)
        if inputs and dict(inputs) != dict(begun.begin["inputs"]):
            raise InputError("a resumed run keeps the inputs that it began with; give none")
        values, passed = dict(begun.begin["inputs"]), begun.passed
    else:
        values, passed = _inputs(book, section, inputs), frozenset[str]()
        folder = _new_folder(site, f"{name}-{section}")
    _learn_secrets(site)
    with journal.lock(folder / "lock", f"runbook {name}"), signals.handled():
        runner = _Runner(site, book, section, values, prompt, Chain(folder / "transcript.jsonl"))
        runner.begin(resume=resume)
        return runner.procedure(passed)


class _Runner:
    """One run of one section."""

    def __init__(
        self,
        site: Site,
        book: Runbook,
        section: str,
        values: Mapping[str, str],
        prompt: Prompt,
        chain: Chain,
    ) -> None:
        self.site, self.book, self.section = site, book, section
        self.values, self.prompt, self.chain = values, prompt, chain

    def begin(self, *, resume: bool) -> None:
        user, host = journal.user(), socket.gethostname()
        if resume:
            self._note("resume", user=user, host=host)
            return
        self._note(
            "begin",
            runbook=self.book.name,
            section=self.section,
            digest=self.book.digest,
            inputs=dict(self.values),
            user=user,
            host=host,
            release=self._release(),
        )

    def procedure(self, passed: frozenset[str]) -> dict[str, Any]:
        steps = self.book.procedure(self.section)
        try:
            for number, step in enumerate(steps, start=1):
                self.site.observer.step(number, len(steps), f"{step.title}: {self._shown(step)}")
                if step.name in passed:
                    self.site.observer.note("passed before; not done again")
                else:
                    self._must_pass(step)
        except MorphopsError as err:
            self._note("stop", outcome=f"stopped: {err.what}", release=self._release())
            err.state = err.state or f"the run is stopped; its report: {self._report()}"
            err.hint = "; ".join(filter(None, (err.hint, self._resume_command())))
            raise
        self._note("end", outcome="passed", release=self._release())
        return {
            "state": "passed",
            "runbook": self.book.name,
            "section": self.section,
            "steps": [step.name for step in steps],
            "report": str(self._report()),
            "transcript": str(self.chain.path),
        }

    def _must_pass(self, step: Step) -> None:
        """Do a step; where it fails, offer what its `on-fail` names, and stop.

        Raises:
            StepFailed, Interrupted, InputError: it did not pass.
        """
        failure = self._do(step)
        if failure is None:
            return
        if step.on_fail:
            other = self.book.step(step.on_fail)
            self.site.observer.note(f"{failure.what}; on failure: {self._shown(other)}")
            if self.prompt.confirm(f"run the step {other.name} now?"):
                second = self._do(other)
                if second is not None:
                    failure.detail += (f"and then: {second.what}", *second.detail)
        raise failure

    def _do(self, step: Step) -> StepFailed | None:
        return self._signed(step) if step.manual else self._commanded(step)

    def _signed(self, step: Step) -> StepFailed | None:
        began, clock = _now(), time.monotonic()
        for line in (*step.command.splitlines(), *step.see):
            self.site.observer.note(line)
        who = self.prompt.sign_off(step.name, step.command.splitlines()[0])
        self._result(step, step.command, began, clock, passed=bool(who), signed_by=who)
        return None if who else StepFailed(f"step {step.name} was not signed off", code=3)

    def _commanded(self, step: Step) -> StepFailed | None:
        words = rules.words(step.command, self.values)
        if step.json and "--json" not in words:
            words = (*words, "--json")
        if not self.prompt.confirm(f"run {transcript.shown(words)} ?"):
            raise StepFailed(f"step {step.name} was not agreed to", code=3)
        began, clock = _now(), time.monotonic()
        command = self.site.redact(transcript.shown(words))
        self._note("step", step=step.name, command=command)
        ended = child.invoke(
            words, folder=Path.cwd(), timeout=step.timeout, say=self.site.observer.note
        )
        judged = transcript.judge(step, ended.code, _json(ended.out))
        if ended.timed_out:
            late = transcript.Checked(f"within {step.timeout:g} s", met=False, got="told to stop")
            judged = (*judged, late)
        passed = all(checked.met for checked in judged) and not ended.interrupted
        output = ended.progress if ended.code or step.json else tuple(ended.out.splitlines())
        self._result(
            step,
            command,
            began,
            clock,
            passed=passed,
            expectations=[asdict(checked) for checked in judged],
            output=[*self.site.redact.lines(output[-_SHOWN:])],
        )
        for line in step.see if passed else ():
            self.site.observer.note(f"look: {line}")
        if ended.interrupted:
            raise Interrupted(f"interrupted during step {step.name}", signum=ended.interrupted)
        if passed:
            return None
        missed = tuple(
            f"expected {c.expect}" + (f", got {c.got}" if c.got else "")
            for c in judged
            if not c.met
        )
        return StepFailed(f"step {step.name} failed", code=ended.code or 3, detail=missed)

    def _result(
        self,
        step: Step,
        command: str,
        began: str,
        clock: float,
        *,
        passed: bool,
        expectations: Sequence[Mapping[str, Any]] = (),
        output: Sequence[str] = (),
        signed_by: str = "",
    ) -> None:
        self._note(
            "result",
            step=step.name,
            title=step.title,
            command=command,
            began=began,
            seconds=round(time.monotonic() - clock, 2),
            passed=passed,
            expectations=list(expectations),
            output=list(output),
            signed_by=signed_by,
            release=self._release(),
        )

    def _note(self, entry: str, **fields: Any) -> None:
        self.chain.append({"entry": entry, "at": _now(), **fields})

    def _report(self) -> Path:
        entries = self.chain.entries()
        path = self.chain.path.with_name("report.md")
        text = transcript.report(entries, self.book.title, entries[-1]["hash"])
        self.site.state.write(path, text.encode())
        return path

    def _shown(self, step: Step) -> str:
        if step.manual:
            return "by hand"
        return self.site.redact(transcript.shown(rules.words(step.command, self.values)))

    def _release(self) -> str:
        record = journal.of_record(self.site.history.records())
        return record.release if record else ""

    def _resume_command(self) -> str:
        return f"inv runbook.run {self.book.name} --section={self.section} --resume"


def _read(site: Site, name: str) -> Runbook:
    books = _all(site)
    if name not in books:
        raise InputError(f"no runbook {name!r} (there are: {', '.join(books)})")
    return books[name]


def _all(site: Site) -> dict[str, Runbook]:
    folder = _folder(site)
    books = {}
    for path in sorted(folder.glob("*.md")):
        if path.name == "README.md":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as err:
            raise ConfigError(f"{path}: cannot be read: {type(err).__name__}") from None
        books[path.stem] = runbook.parse(text, path.stem, _shown(site, path))
    if not books:
        raise ConfigError(f"there are no runbooks in {folder}")
    return books


def _folder(site: Site) -> Path:
    return (site.folder / site.bundle.runbooks).resolve()


def _shown(site: Site, path: Path) -> str:
    """A path as findings name it: relative to the project where that is possible."""
    root = site.folder.resolve().parent
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _link_targets(folder: Path) -> dict[str, frozenset[str]]:
    """Every file that a link of a runbook may name, from there, with its anchors."""
    targets = {}
    root = folder.parent
    for path in root.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if hidden or not path.exists():
            continue
        inside = path.is_relative_to(folder)
        name = str(path.relative_to(folder)) if inside else f"../{path.relative_to(root)}"
        anchors = frozenset[str]()
        if path.suffix == ".md" and path.is_file():
            anchors = runbook.parse(path.read_text(encoding="utf-8"), path.stem, name).anchors
        targets[name] = anchors
    return targets


def _section(book: Runbook, section: str) -> str:
    known = [anchor for anchor in book.sections if book.procedure(anchor)]
    if section:
        if section not in known:
            raise InputError(
                f"{book.name} has no section {section!r}", detail=_sections(book, known)
            )
        return section
    if book.main or len(known) == 1:
        return book.main or known[0]
    raise InputError(
        f"{book.name} has {len(known)} sections: name one",
        detail=_sections(book, known),
        hint=f"inv runbook.run {book.name} --section={known[0]}" if known else "",
    )


def _sections(book: Runbook, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"--section={anchor}   {book.sections[anchor]}" for anchor in known)


def _inputs(book: Runbook, section: str, given: Mapping[str, str]) -> dict[str, str]:
    """The inputs of a section, checked."""
    wrong = [f"{name} is no input of {book.name}" for name in given if name not in book.inputs]
    values = {}
    for name in rules.inputs_of(book, section):
        spec = book.inputs[name]
        value = given.get(name) or spec.default
        if not value:
            wrong.append(f"{name} is missing: {spec.about}")
        elif not re.fullmatch(spec.pattern, value):
            wrong.append(f"{name} does not have the right form: {spec.about}")
        values[name] = value
    if wrong:
        raise InputError(
            f"{book.name}: {wrong[0]}" if len(wrong) == 1 else f"{book.name}: inputs",
            detail=tuple(wrong) if len(wrong) > 1 else (),
            state="nothing was done",
            hint="--release=sha256:…, --reason=…, or --input=NAME=VALUE",
        )
    return values


def _new_folder(site: Site, name: str) -> Path:
    site.state.ensure()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = site.state.root / "runbooks" / f"{stamp}-{name}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as err:
        raise PreconditionError(f"cannot make {folder}: {err.strerror}") from None
    return folder


def _last_stopped(site: Site, book: Runbook, section: str) -> tuple[Path, transcript.Progress]:
    """The last run of a section that did not come to its end."""
    folders = sorted((site.state.root / "runbooks").glob(f"*-{book.name}-{section}"))
    for folder in reversed(folders):
        progress = transcript.progress(Chain(folder / "transcript.jsonl").entries())
        if progress is None:
            continue
        if progress.ended:
            break
        transcript.refuse_other(book, section, progress)
        return folder, progress
    raise PreconditionError(
        f"no run of {book.name}, {section} was stopped",
        state="nothing was done",
        hint=f"inv runbook.run {book.name} --section={section}",
    )


def _learn_secrets(site: Site) -> None:
    """What steps write was redacted by the steps; this is for what they could not know."""
    from morphops import envfile

    try:
        env = envfile.scan_file(site.env_file())
        site.redact.learn(environment.read_schema(site).secrets(env.values))
    except InputError:
        pass  # no env file yet: then there is nothing to know


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
