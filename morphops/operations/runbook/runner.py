"""One run of a section of a runbook, step by step: asks, runs, judges, records."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from morphops.adapters import actor, process
from morphops.adapters.invoke_tasks import InvokeTasks
from morphops.adapters.store.hash_chain import HashChain
from morphops.adapters.terminal.prompt import Prompt
from morphops.core.history import operations
from morphops.core.results.runbook import RunbookRun
from morphops.core.runbook import prose, rules, transcript
from morphops.core.runbook.model import Runbook, Step, unnumbered
from morphops.errors import Interrupted, MorphopsError, RollbackFailed, RolledBack, StepFailed
from morphops.operations.runbook import record
from morphops.operations.runbook.inputs import fault, option
from morphops.site import Site

_SHOWN = 200  # lines that a transcript keeps of what each step showed


class Runner:
    """One run of one section.

    Args:
        site: where.
        book, section: what is gone through.
        values: the inputs that are known, by name; others are asked for when they are needed.
        prompt: asks before each step.
        chain: the transcript.
    """

    def __init__(
        self,
        site: Site,
        book: Runbook,
        section: str,
        values: Mapping[str, str],
        prompt: Prompt,
        chain: HashChain,
    ) -> None:
        self.site, self.book, self.section = site, book, section
        self.values, self.prompt, self.chain = dict(values), prompt, chain
        prompt.again = book.command(section, "--resume")

    def resume(self, more: Mapping[str, str]) -> None:
        """Record that the run goes on, with inputs that it did not have before."""
        self._note("resume", user=actor.user(), host=socket.gethostname())
        for name, value in more.items():
            self._note("input", name=name, value=value)

    def begin(self) -> None:
        """Record that the run begins."""
        self._note(
            "begin",
            runbook=self.book.name,
            section=self.section,
            digest=self.book.digest,
            inputs=dict(self.values),
            user=actor.user(),
            host=socket.gethostname(),
            release=self._release(),
            intro=self._prose(self.book.intros.get(self.section, "")),
        )

    def procedure(self, passed: frozenset[str]) -> RunbookRun:
        """Do the steps in order, and write the report.

        Args:
            passed: steps that are not done again.

        Returns:
            what was done, and where the transcript lies.

        Raises:
            StepFailed, Interrupted, InputError: a step did not pass, and the run is stopped.
        """
        steps = self.book.procedure(self.section)
        self._show(self.book.intros.get(self.section, ""))
        try:
            for number, step in enumerate(steps, start=1):
                self._ask_inputs(step)
                self.site.observer.step(number, len(steps), unnumbered(step.title))
                if step.name in passed:
                    self.site.observer.note("passed before; not done again")
                else:
                    self._must_pass(step)
        except MorphopsError as err:
            self._note("stop", outcome=f"stopped: {err.what}", release=self._release())
            stopped = f"the run is stopped; its report: {self._report()}"
            err.state = "; ".join(filter(None, (err.state, stopped)))
            err.hint = self._next(err)
            raise
        closing = self.book.closings.get(self.section, "")
        self._show(closing)
        self._note("end", outcome="passed", release=self._release(), closing=self._prose(closing))
        return RunbookRun(
            runbook=self.book.name,
            section=self.section,
            steps=tuple(step.name for step in steps),
            report=str(self._report()),
            transcript=str(self.chain.path),
        )

    def _ask_inputs(self, step: Step) -> None:
        """Ask for what a step needs and nobody said: an earlier step has shown it by now.

        Raises:
            InputError: nobody is there.
        """
        for name in rules.inputs_in(step):
            spec = self.book.inputs[name]
            while name not in self.values:
                value = self.prompt.answer(f"{name} ({spec.about})")
                if why := fault(self.site, name, spec, value):
                    self.site.observer.note(why)
                    continue
                self.values[name] = value
                self._note("input", name=name, value=value)

    def _must_pass(self, step: Step) -> None:
        """Do a step; where it fails, offer what its `on-fail` names, and stop.

        Raises:
            StepFailed, Interrupted, InputError: it did not pass.
        """
        failure = self._do(step)
        if failure is None:
            return
        if step.on_fail:
            second: MorphopsError | None
            try:
                second = self._on_fail(failure, step)
            except MorphopsError as err:  # the first one is what the run stopped for
                second = err
            if second is not None:
                failure.detail += (f"and then: {second.what}", *second.detail)
        raise failure

    def _on_fail(self, failure: StepFailed, step: Step) -> StepFailed | None:
        """Offer the step that a failed one names, and do it where that is agreed to."""
        other = self.book.step(step.on_fail)
        self._ask_inputs(other)
        self.site.observer.note(f"{failure.what}; on failure: {self._shown(other)}")
        self._show(other.prose)
        if other.manual:
            return self._signed(other, because=step.name)
        if not self.prompt.confirm(f"run the step {other.name} now?", changes=other.mutates):
            return None
        return self._run(other, because=step.name)

    def _do(self, step: Step) -> StepFailed | None:
        self._show(step.prose)
        if step.manual:
            return self._signed(step)
        if self.prompt.yes:  # else the question shows it
            self.site.observer.note(self._shown(step))
        if not self.prompt.confirm(f"run {self._shown(step)} ?", changes=step.mutates):
            raise StepFailed(f"step {step.name} was not agreed to", code=3)
        return self._run(step)

    def _signed(self, step: Step, because: str = "") -> StepFailed | None:
        began, clock = _now(), time.monotonic()
        for line in (*step.command.splitlines(), *map(prose.line, step.see)):
            self.site.observer.note(line)
        who = self.site.redact(self.prompt.sign_off(step.name, " ".join(step.command.split())))
        self._result(
            step, step.command, began, clock, passed=bool(who), signed_by=who, because=because
        )
        return None if who else StepFailed(f"step {step.name} was not signed off", code=3)

    def _run(self, step: Step, because: str = "") -> StepFailed | None:
        words = self._words(step)
        began, clock = _now(), time.monotonic()
        command = self.site.redact(transcript.shown(words))
        self._note("step", step=step.name, command=command)
        ended = process.invoke(words, folder=Path.cwd(), timeout=step.timeout, say=self._say)
        # What is read as JSON was shown for people as well, as progress.
        result = () if "--json" in words else self.site.redact.lines(ended.out.splitlines())
        for line in result:
            self._say(line)
        document = _json(ended.out)
        judged = transcript.judge(step, ended.code, document)
        if ended.timed_out:
            late = transcript.Checked(f"within {step.timeout:g} s", met=False, got="told to stop")
            judged = (*judged, late)
        passed = all(checked.met for checked in judged) and not ended.interrupted
        shown = (*self.site.redact.lines(ended.progress), *result)
        self._result(
            step,
            command,
            began,
            clock,
            passed=passed,
            expectations=[asdict(checked) for checked in judged],
            output=list(shown[-_SHOWN:]),
            because=because,
        )
        for line in step.see if passed else ():
            self.site.observer.note(f"look: {prose.line(line)}")
        redact, said = self.site.redact, transcript.failure(document)
        if ended.interrupted:
            raise Interrupted(
                f"interrupted during step {step.name}",
                signum=ended.interrupted,
                state=redact(said.state),
            )
        if passed:
            return None
        missed = tuple(
            f"expected {c.expect}" + (f", got {c.got}" if c.got else "")
            for c in judged
            if not c.met
        )
        return StepFailed(
            f"step {step.name} failed" + (f": {redact(said.what)}" if said.what else ""),
            code=ended.code or 3,
            state=redact(said.state),
            hint=redact(said.hint),
            detail=(*missed, *redact.lines(said.detail)),
        )

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
        because: str = "",
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
            prose=self._prose(step.prose),
            signed_by=signed_by,
            on_fail_of=because,
            release=self._release(),
        )

    def _show(self, markdown: str) -> None:
        """What the runbook says beside the commands, before the question that it may decide."""
        for line in self._prose(markdown):
            self.site.observer.note(line)

    def _prose(self, markdown: str) -> list[str]:
        return list(self.site.redact.lines(prose.plain(markdown)))

    def _say(self, line: str) -> None:
        self.site.observer.note(self.site.redact(line))

    def _note(self, entry: str, **fields: Any) -> None:
        self.chain.append({"entry": entry, "at": _now(), **fields})

    def _report(self) -> Path:
        entries = self.chain.entries()
        path = self.chain.path.with_name(record.REPORT)
        text = transcript.report(entries, self.book.title, entries[-1]["hash"])
        self.site.state.write(path, text.encode())
        return path

    def _shown(self, step: Step) -> str:
        """A step's command as the runbook has it."""
        if step.manual:
            return "by hand"
        return self.site.redact(transcript.shown(rules.words(step.command, self.values)))

    def _words(self, step: Step) -> tuple[str, ...]:
        """What is run: with `--json` wherever there is one, which says why a task failed."""
        words = rules.words(step.command, self.values)
        takes = self._tasks.takes(self._tasks.read(words).task, "json")
        return (*words, "--json") if takes and "--json" not in words else words

    @cached_property
    def _tasks(self) -> InvokeTasks:
        return InvokeTasks.load(self.site.folder)

    def _release(self) -> str:
        return operations.release_of_record(self.site.history.records())

    def _next(self, err: MorphopsError) -> str:
        """The next command to type after a run that was stopped."""
        if err.exit_code not in (RolledBack.EXIT, RollbackFailed.EXIT):
            resume = self.book.command(self.section, "--resume")
            if err.hint.startswith(resume):  # with the option that answers a question
                return err.hint
            return "; then ".join(filter(None, (err.hint, resume)))
        inputs = map(option, rules.inputs_of(self.book, self.section))
        anew = self.book.command(self.section, *inputs)
        return (
            f"{err.hint or 'inv status'}; mend it, then begin anew: {anew}"
            "   (--resume tries the same again)"
        )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
