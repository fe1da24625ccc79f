"""Runs a section of a runbook: does what `next_action` decides, until it finishes or stops."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from morphops.adapters import actor
from morphops.adapters.store.hash_chain import HashChain
from morphops.core.results.runbook import RunbookRun
from morphops.core.runbook import commands
from morphops.core.runbook.model import Runbook, Step, unnumbered
from morphops.core.runbook.next_action import Do, Finish, Offer, Skip, State, next_action
from morphops.errors import MorphopsError, RollbackFailed, RolledBack, StepFailed
from morphops.interfaces import Prompt
from morphops.operations.runbook.inputs import option
from morphops.operations.runbook.run_log import RunLog
from morphops.operations.runbook.step import StepRunner
from morphops.site import Site


class Runner:
    """One run of one section.

    Args:
        site: where.
        book, section: what is run.
        values: the inputs that are known, by name; others are asked for when a step needs them.
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
        self.site, self.book, self.section, self.chain = site, book, section, chain
        self._log = RunLog(site, book, chain)
        self._step = StepRunner(site, book, values, prompt, self._log)
        prompt.again = book.command(section, "--resume")

    @property
    def values(self) -> Mapping[str, str]:
        """The inputs that are known, by name."""
        return self._step.values

    def resume(self, more: Mapping[str, str]) -> None:
        """Records that the run goes on, with inputs that it did not have before."""
        self._log.append("resume", user=actor.user(), host=socket.gethostname())
        for name, value in more.items():
            self._log.append("input", name=name, value=value)

    def begin(self) -> None:
        """Records that the run begins."""
        self._log.append(
            "begin",
            runbook=self.book.name,
            section=self.section,
            digest=self.book.digest,
            inputs=dict(self.values),
            user=actor.user(),
            host=socket.gethostname(),
            release=self._log.release(),
            intro=self._log.prose(self.book.intros.get(self.section, "")),
        )

    def procedure(self, passed: frozenset[str]) -> RunbookRun:
        """Does the steps in order, and writes the report.

        Args:
            passed: steps that are not done again.

        Returns:
            what was done, and where the transcript is.

        Raises:
            StepFailed, Interrupted, InputError: a step did not pass, and the run is stopped.
        """
        log = self._log
        log.show(self.book.intros.get(self.section, ""))
        try:
            self._go(State(self.book, self.section, passed))
        except MorphopsError as err:
            log.append("stop", outcome=f"stopped: {err.what}", release=log.release())
            stopped = f"the run is stopped; its report: {log.write_report()}"
            state = "; ".join(filter(None, (err.state, stopped)))
            raise err.with_(state=state, hint=self._next_command(err)) from err
        closing = self.book.closings.get(self.section, "")
        log.show(closing)
        log.append("end", outcome="passed", release=log.release(), closing=log.prose(closing))
        return RunbookRun(
            runbook=self.book.name,
            section=self.section,
            steps=tuple(step.name for step in self.book.procedure(self.section)),
            report=str(log.write_report()),
            transcript=str(self.chain.path),
        )

    def _go(self, state: State) -> None:
        """Does one action after the other.

        Raises:
            StepFailed, Interrupted, InputError: a step did not pass.
        """
        failure: StepFailed | None = None
        while not isinstance(action := next_action(state), Finish):
            match action:
                case Skip(step, number):
                    self._announce(step, number)
                    self.site.observer.note("passed before; not done again")
                case Do(step, number):
                    self._announce(step, number)
                    failure = self._step.do(step)
                case Offer(step, failed) if failure:
                    failure = self._offered(step, failure, failed)
                case _:
                    raise failure or AssertionError(f"{action} without a failed step")
            state = state.after(action, passed=failure is None)

    def _announce(self, step: Step, number: int) -> None:
        self._step.ask_inputs(step)
        steps = self.book.procedure(self.section)
        self.site.observer.step(number, len(steps), unnumbered(step.title))

    def _offered(self, step: Step, failure: StepFailed, failed: Step) -> StepFailed:
        """The failure, with that of the step which it offers: the run stops for the first one."""
        second: MorphopsError | None
        try:
            second = self._step.offer(step, failure, failed)
        except MorphopsError as err:
            second = err
        if second is None:
            return failure
        detail = (*failure.detail, f"and then: {second.what}", *second.detail)
        return failure.with_(detail=detail)

    def _next_command(self, err: MorphopsError) -> str:
        """The next command to type after a run that was stopped."""
        if err.exit_code not in (RolledBack.EXIT, RollbackFailed.EXIT):
            resume = self.book.command(self.section, "--resume")
            if err.hint.startswith(resume):  # with the option that answers a question
                return err.hint
            return "; then ".join(filter(None, (err.hint, resume)))
        inputs = map(option, commands.inputs_of(self.book, self.section))
        again = self.book.command(self.section, *inputs)
        return (
            f"{err.hint or 'inv status'}; fix the cause, then begin again: {again}"
            "   (--resume tries the same again)"
        )
