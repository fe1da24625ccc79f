"""Use case: go through a runbook. What must be said before it begins, and where its record lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from morphops.adapters.signals import Signals
from morphops.adapters.store import file_lock
from morphops.adapters.store.hash_chain import HashChain
from morphops.adapters.terminal.prompt import Prompt
from morphops.core.results.runbook import RunbookRun
from morphops.core.runbook import transcript
from morphops.core.runbook.model import Runbook
from morphops.errors import InputError, IntegrityError, PreconditionError
from morphops.operations.pipeline import secrets
from morphops.operations.runbook import check, record
from morphops.operations.runbook.inputs import take
from morphops.operations.runbook.runner import Runner
from morphops.site import Site


def run(
    site: Site,
    name: str,
    *,
    section: str,
    inputs: Mapping[str, str],
    prompt: Prompt,
    resume: bool,
) -> RunbookRun:
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
        IntegrityError: the record of the run that would go on is not whole.
        StepFailed: a step failed; its exit code is the step's.
        Interrupted: by a signal; what the step had begun is whole.
    """
    book = check.read(site, name)
    found = check.findings(site, [book], whole=False)
    if found:
        raise InputError(
            f"{book.file} has findings",
            detail=tuple(map(str, found)),
            state="nothing was done",
            hint=f"mend what is named, then inv runbook.check {book.name}",
        )
    section = _section(book, section)
    _refuse_idle_signatures(book, section, prompt.signed_off)
    # What steps write was redacted by the steps; this is for what they could not know.
    secrets.learn_secrets(site)
    signals = Signals()
    if resume:
        folder, begun = _last_stopped(site, book, section)
        known, passed = begun.inputs, begun.passed
        site.observer.note(site.redact(transcript.told(begun)))
        if any(known.get(name, value) != value for name, value in inputs.items()):
            raise InputError(
                "a resumed run keeps the inputs that it has; give only what is new",
                state="nothing was done",
                hint=f"{book.command(section, '--resume')}   (without --resume it begins anew)",
            )
        again = book.command(section, "--resume", *prompt.options)
        values = take(site, book, section, inputs, later=prompt.there, again=again, known=known)
    else:
        passed = frozenset[str]()
        again = book.command(section, *prompt.options)
        values = take(site, book, section, inputs, later=prompt.there, again=again)
        folder = _new_folder(site, f"{name}-{section}")
    with file_lock.lock(folder / "lock", f"this run of {name}"), signals.handled():
        runner = Runner(site, book, section, values, prompt, HashChain(folder / record.FILE))
        if resume:
            runner.resume({name: values[name] for name in values if name not in known})
        else:
            runner.begin()
        return runner.procedure(passed)


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
    """A name that no step asks for is a mistyped one: its step would stop the run later."""
    manual = [step.name for step in book.steps if step.section == section and step.manual]
    signed = " ".join(f"--sign-off={name}=NAME" for name in manual)
    advice = f"with {signed}" if signed else "without --sign-off"
    if unknown := signed_off.keys() - set(manual):
        raise InputError(
            f"{sorted(unknown)[0]} is no manual step of {book.name}, {section}",
            state="nothing was done",
            hint=f"the same command {advice}",
        )


def _new_folder(site: Site, name: str) -> Path:
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


def _last_stopped(site: Site, book: Runbook, section: str) -> tuple[Path, transcript.Progress]:
    """The last run of a section, which did not come to its end.

    Raises:
        IntegrityError: its transcript is not what was written, or not even its beginning is there.
        PreconditionError: there is none.
    """
    command = book.command(section)
    for folder in sorted((site.state.root / "runbooks").glob(f"*-{book.name}-{section}"))[::-1]:
        # A stamp has no dash: what is called `re-deploy-all` is none of `deploy-all`.
        if folder.name.partition("-")[2] != f"{book.name}-{section}":
            continue
        entries = HashChain(folder / record.FILE).entries()
        progress = transcript.progress(entries)
        if progress is None:  # an older run would be of another release
            raise IntegrityError(
                f"{folder / record.FILE}: the record of the last run is gone",
                state="nothing was done; which run would go on is not known",
                hint=f"restore the file from a backup, or {command}   (begins anew)",
            )
        # Of runs whose folders are called alike the record says which one it is.
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
