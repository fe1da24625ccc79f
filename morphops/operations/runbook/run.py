"""Use case: go through a runbook: what it needs before it begins, and where its record is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from morphops.adapters.signals import Signals
from morphops.adapters.store import file_lock
from morphops.adapters.store.hash_chain import HashChain
from morphops.core.results.runbook import RunbookRun
from morphops.core.runbook import transcript
from morphops.core.runbook.model import Runbook
from morphops.errors import InputError, IntegrityError, PreconditionError
from morphops.interfaces import Prompt
from morphops.operations.pipeline import secrets
from morphops.operations.runbook import check, record
from morphops.operations.runbook.inputs import take
from morphops.operations.runbook.runner import Runner
from morphops.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the operator asks for.

    Attributes:
        runbook: its name.
        section: anchor of the section; may be empty if there is just one, or a main one.
        inputs: by name.
        resume: whether the last run of this section goes on where it stopped.
    """

    runbook: str
    section: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    resume: bool = False


def run(site: Site, request: Request, prompt: Prompt) -> RunbookRun:
    """Goes through a runbook's section step by step, and keeps a transcript.

    Args:
        site: where.
        request: what the operator asks for.
        prompt: asks before each step.

    Returns:
        what was done, and where the transcript is.

    Raises:
        InputError: the runbook has findings, an input is missing or malformed, or there is no
            terminal to ask at.
        IntegrityError: the record of the run that would go on is not whole.
        StepFailed: a step failed; its exit code is the step's.
        Interrupted: by a signal; the step was ended in order.
    """
    book = _read(site, request.runbook)
    section = _section(book, request.section)
    _refuse_idle_signatures(book, section, prompt.signed_off)
    # Steps redact what they write; this is for secrets that they cannot know.
    secrets.learn_secrets(site)
    begin = _resumed if request.resume else _new
    begun = begin(site, book, section, request.inputs, prompt)
    signals = Signals()
    with file_lock.lock(begun.folder / "lock", f"this run of {book.name}"), signals.handled():
        chain = HashChain(begun.folder / record.FILE)
        runner = Runner(site, book, section, begun.values, prompt, chain)
        if begun.known is None:
            runner.begin()
        else:
            more = {name: v for name, v in begun.values.items() if name not in begun.known}
            runner.resume(more)
        return runner.procedure(begun.passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun:
    """A run that can begin, or go on.

    Attributes:
        folder: of its record.
        values: its inputs.
        known: the inputs that it had before; None for a new run.
        passed: the steps that passed before.
    """

    folder: Path
    values: Mapping[str, str]
    known: Mapping[str, str] | None = None
    passed: frozenset[str] = frozenset()


def _read(site: Site, name: str) -> Runbook:
    book = check.read(site, name)
    found = check.findings(site, [book], whole=False)
    if found:
        raise InputError(
            f"{book.file} has findings",
            detail=tuple(map(str, found)),
            state="nothing was done",
            hint=f"fix what is named, then inv runbook.check {book.name}",
        )
    return book


def _new(
    site: Site, book: Runbook, section: str, inputs: Mapping[str, str], prompt: Prompt
) -> _Begun:
    again = book.command(section, *prompt.options)
    values = take(site, book, section, inputs, later=prompt.there, again=again)
    return _Begun(folder=new_folder(site, f"{book.name}-{section}"), values=values)


def _resumed(
    site: Site, book: Runbook, section: str, inputs: Mapping[str, str], prompt: Prompt
) -> _Begun:
    folder, progress = last_stopped(site, book, section)
    known = progress.inputs
    site.observer.note(site.redact(transcript.told(progress)))
    if any(known.get(name, value) != value for name, value in inputs.items()):
        raise InputError(
            "a resumed run keeps the inputs that it has; give only what is new",
            state="nothing was done",
            hint=f"{book.command(section, '--resume')}   (without --resume a new run begins)",
        )
    again = book.command(section, "--resume", *prompt.options)
    values = take(site, book, section, inputs, later=prompt.there, again=again, known=known)
    return _Begun(folder=folder, values=values, known=known, passed=progress.passed)


def _section(book: Runbook, section: str) -> str:
    known = [anchor for anchor in book.sections if book.procedure(anchor)]
    if section:
        if section not in known:
            raise InputError(
                f"{book.name} has no section {section!r}",
                detail=_sections(book, known),
                state="nothing was done",
                hint=f"inv runbook.run {book.name} --section=…",
            )
        return section
    if book.main or len(known) == 1:
        return book.main or known[0]
    raise InputError(
        f"{book.name} has {len(known)} sections: name one",
        detail=_sections(book, known),
        state="nothing was done",
        hint=f"inv runbook.run {book.name} --section=…" if known else "",
    )


def _sections(book: Runbook, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"--section={anchor}   {book.sections[anchor]}" for anchor in known)


def _refuse_idle_signatures(book: Runbook, section: str, signed_off: Mapping[str, str]) -> None:
    """Refuse a name that no step asks for: it is mistyped, and its step would stop the run."""
    manual = [step.name for step in book.steps if step.section == section and step.manual]
    signed = " ".join(f"--sign-off={name}=NAME" for name in manual)
    advice = f"with {signed}" if signed else "without --sign-off"
    if unknown := signed_off.keys() - set(manual):
        raise InputError(
            f"{sorted(unknown)[0]} is not a manual step of {book.name}, {section}",
            state="nothing was done",
            hint=f"the same command {advice}",
        )


def new_folder(site: Site, name: str) -> Path:
    """Makes the folder of a run, mode 0700, named after the time and the runbook.

    Raises:
        PreconditionError: the folder cannot be made.
    """
    site.state.ensure()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = site.state.root / "runbooks" / f"{stamp}-{name}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as err:
        raise PreconditionError(
            f"cannot make {folder}: {err.strerror}",
            state="nothing was done",
            hint=f"ls -ld {folder.parent}; df {site.state.root}",
        ) from None
    return folder


def last_stopped(site: Site, book: Runbook, section: str) -> tuple[Path, transcript.Progress]:
    """Returns the last run of a section, if it did not finish: its folder and its progress.

    Raises:
        IntegrityError: its transcript was changed, or lacks its beginning.
        PreconditionError: there is no such run.
    """
    command = book.command(section)
    for folder in sorted((site.state.root / "runbooks").glob(f"*-{book.name}-{section}"))[::-1]:
        # A stamp has no dash; `re-deploy-all` is another runbook or section than `deploy-all`.
        if folder.name.partition("-")[2] != f"{book.name}-{section}":
            continue
        entries = HashChain(folder / record.FILE).entries()
        progress = transcript.progress(entries)
        if progress is None:  # an older run may be of another release
            raise IntegrityError(
                f"{folder / record.FILE}: the record of the last run is gone",
                state="nothing was done; which run would go on is not known",
                hint=f"restore the file from a backup, or {command}   (begins a new run)",
            )
        # Two runs may have folders of the same name; the record says whose this is.
        if not progress.is_of(book.name, section):
            continue
        record.prove_end(folder / record.FILE, entries)
        if progress.ended:
            break
        transcript.refuse_other(book, section, progress)
        return folder, progress
    raise PreconditionError(
        f"no run of {book.name}, {section} was stopped", state="nothing was done", hint=command
    )
