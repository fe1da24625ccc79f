"""Does one step of a runbook: asks, runs or has it signed off, judges and records it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from morphops.adapters import process
from morphops.adapters.invoke_tasks import InvokeTasks
from morphops.adapters.process import Ended
from morphops.core.runbook import commands, prose, transcript
from morphops.core.runbook.model import Runbook, Step
from morphops.core.runbook.transcript import Checked
from morphops.errors import Interrupted, StepFailed
from morphops.interfaces import Prompt
from morphops.operations.runbook.inputs import fault
from morphops.operations.runbook.run_log import RunLog, now
from morphops.site import Site

_SHOWN = 200  # lines that a transcript keeps of what each step showed


@dataclass(frozen=True, slots=True)
class _Begun:
    """A step that has begun.

    Attributes:
        step: of the runbook.
        command: as it is shown and kept.
        because: the step whose failure offered it; empty in its own turn.
    """

    step: Step
    command: str
    because: str
    at: str = field(default_factory=now)
    clock: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What came out of a step, as the transcript has it."""

    passed: bool
    expectations: tuple[Checked, ...] = ()
    output: tuple[str, ...] = ()
    signed_by: str = ""


class StepRunner:
    """Does the steps of one run.

    Args:
        site: where.
        book: the runbook.
        values: the inputs that are known, by name; others are asked for when a step needs them.
        prompt: asks before each step.
        log: of the run.
    """

    def __init__(
        self, site: Site, book: Runbook, values: Mapping[str, str], prompt: Prompt, log: RunLog
    ) -> None:
        self._site, self._book, self._prompt, self._log = site, book, prompt, log
        self.values = dict(values)

    def ask_inputs(self, step: Step) -> None:
        """Asks for the inputs that a step needs and that are not known yet.

        Raises:
            InputError: there is no terminal to ask at.
        """
        for name in commands.inputs_in(step):
            spec = self._book.inputs[name]
            while name not in self.values:
                value = self._prompt.answer(f"{name} ({spec.about})")
                if why := fault(self._site, name, spec, value):
                    self._site.observer.note(why)
                    continue
                self.values[name] = value
                self._log.append("input", name=name, value=value)

    def do(self, step: Step) -> StepFailed | None:
        """Does a step in its turn, and returns its failure; None if it passed.

        Raises:
            StepFailed: the operator did not agree to it.
            Interrupted: by a signal, during the step.
            InputError: there is no terminal to ask at.
        """
        self._log.show(step.prose)
        if step.manual:
            return self._sign_off(step)
        if self._prompt.yes:  # else the question shows it
            self._site.observer.note(self._shown(step))
        if not self._prompt.confirm(f"run {self._shown(step)} ?", changes=step.mutates):
            raise StepFailed(f"step {step.name} was not agreed to", code=3)
        return self._run(step)

    def offer(self, step: Step, failure: StepFailed, failed: Step) -> StepFailed | None:
        """Offers the step that a failed one names, and does it if the operator agrees.

        Args:
            step: to offer.
            failure: of the other.
            failed: the other.

        Returns:
            its own failure; None if it passed, or if the operator did not agree.

        Raises:
            Interrupted: by a signal, during the step.
            InputError: there is no terminal to ask at.
        """
        self.ask_inputs(step)
        self._site.observer.note(f"{failure.what}; on failure: {self._shown(step)}")
        self._log.show(step.prose)
        if step.manual:
            return self._sign_off(step, because=failed.name)
        if not self._prompt.confirm(f"run the step {step.name} now?", changes=step.mutates):
            return None
        return self._run(step, because=failed.name)

    def _sign_off(self, step: Step, because: str = "") -> StepFailed | None:
        begun = _Begun(step, step.command, because)
        for line in (*step.command.splitlines(), *map(prose.line, step.see)):
            self._site.observer.note(line)
        said = self._prompt.sign_off(step.name, " ".join(step.command.split()))
        who = self._site.redact(said)
        self._record(begun, _Result(passed=bool(who), signed_by=who))
        return None if who else StepFailed(f"step {step.name} was not signed off", code=3)

    def _run(self, step: Step, because: str = "") -> StepFailed | None:
        words = self._words(step)
        begun = _Begun(step, self._site.redact(transcript.shown(words)), because)
        self._log.append("step", step=step.name, command=begun.command)
        ended = process.invoke(words, folder=Path.cwd(), timeout=step.timeout, say=self._log.note)
        # A result in JSON was shown for people as well, as progress.
        lines = () if "--json" in words else self._site.redact.lines(ended.out.splitlines())
        for line in lines:
            self._log.note(line)
        document = _json(ended.out)
        checked = transcript.judge(step, ended.code, document, timed_out=ended.timed_out)
        passed = all(check.met for check in checked) and not ended.interrupted
        output = (*self._site.redact.lines(ended.progress), *lines)[-_SHOWN:]
        self._record(begun, _Result(passed=passed, expectations=checked, output=output))
        if passed:
            for line in step.see:
                self._site.observer.note(f"look: {prose.line(line)}")
            return None
        return self._failure(step, ended, checked, document)

    def _failure(
        self, step: Step, ended: Ended, checked: tuple[Checked, ...], document: Any
    ) -> StepFailed:
        """The failure of a step, with what its command said of it.

        Raises:
            Interrupted: a signal ended it.
        """
        redact, said = self._site.redact, transcript.failure(document)
        if ended.interrupted:
            raise Interrupted(
                f"interrupted during step {step.name}",
                signum=ended.interrupted,
                state=redact(said.state),
            )
        return StepFailed(
            f"step {step.name} failed" + (f": {redact(said.what)}" if said.what else ""),
            code=ended.code or 3,
            state=redact(said.state),
            hint=redact(said.hint),
            detail=(*transcript.missed(checked), *redact.lines(said.detail)),
        )

    def _record(self, begun: _Begun, result: _Result) -> None:
        self._log.append(
            "result",
            step=begun.step.name,
            title=begun.step.title,
            command=begun.command,
            began=begun.at,
            seconds=round(time.monotonic() - begun.clock, 2),
            passed=result.passed,
            expectations=[asdict(checked) for checked in result.expectations],
            output=list(result.output),
            prose=self._log.prose(begun.step.prose),
            signed_by=result.signed_by,
            on_fail_of=begun.because,
            release=self._log.release(),
        )

    def _shown(self, step: Step) -> str:
        """A step's command as the runbook has it."""
        if step.manual:
            return "by hand"
        return self._site.redact(transcript.shown(commands.words(step.command, self.values)))

    def _words(self, step: Step) -> tuple[str, ...]:
        """The words of its command, with `--json` if the task has it: that says why it failed."""
        words = commands.words(step.command, self.values)
        takes = self._tasks.takes(self._tasks.read(words).task, "json")
        return (*words, "--json") if takes and "--json" not in words else words

    @cached_property
    def _tasks(self) -> InvokeTasks:
        return InvokeTasks.load(self._site.folder)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
