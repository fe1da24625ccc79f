"""What must be true of runbooks, beside the tasks that exist and each other, as tables. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress

from morphops.core.bundle.schema import Bundle
from morphops.core.env import encryption
from morphops.core.finding import Finding
from morphops.core.release.reference import is_loopback
from morphops.core.rule import Breach, Rule, findings
from morphops.core.runbook import prose_rules, step_rules
from morphops.core.runbook.commands import TaskIndex
from morphops.core.runbook.model import Runbook
from morphops.core.runbook.prose_rules import InProject

STEP = "runbook-step"  # the rule's name, for `accept:`; its subject is the task


def check(
    runbooks: Sequence[Runbook],
    tasks: TaskIndex,
    files: Mapping[str, frozenset[str] | None],
    services: Collection[str],
) -> tuple[Finding, ...]:
    """Returns every finding in some runbooks, sorted by file and line.

    Args:
        runbooks: to check.
        tasks, files, services: see `InProject`.
    """
    found: list[Finding] = []
    for book in runbooks:

        def locate(line: int, file: str = book.file) -> tuple[str, int]:
            return file, line

        found += book.findings
        found += findings(BOOK_RULES, book, locate)
        for step in book.steps:
            found += findings(step_rules.RULES, step_rules.in_book(book, step, tasks), locate)
        project = InProject(book=book, tasks=tasks, files=files, services=services)
        found += findings(prose_rules.RULES, project, locate)
    return tuple(sorted(set(found)))


def missing(
    runbooks: Sequence[Runbook], tasks: TaskIndex, file: str, idle: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Returns the tasks that change something without a step in any runbook.

    A bundle may accept each of them.

    Args:
        runbooks: all of them.
        tasks: that exist.
        file: the runbooks' folder, to name in the finding.
        idle: tasks that have no work here, see `idle`.
    """
    called = set()
    for book in runbooks:
        for step in book.steps:  # a manual one may be a command that needs a person
            with suppress(KeyError, ValueError):
                call = step_rules.call_of(book, step, tasks)
                called |= {call.task} if tasks.changes(call) else set()
    subject = [task for task in tasks.changing if task not in called and task not in idle]
    return tuple(findings(TASK_RULES, subject, lambda _: (file, 0)))


def idle(bundle: Bundle, *, quickstart: bool, generated: bool) -> frozenset[str]:
    """Returns the tasks that have no work in a bundle, so no runbook needs a step for them.

    Args:
        bundle: as it was read.
        quickstart: whether the project has a quickstart.
        generated: whether the env schema generates files (templates).
    """
    build = bundle.build
    encrypted = bundle.env.recipients or bundle.env.file.endswith(encryption.SUFFIX)
    works = {
        "quickstart": quickstart,
        "build": build is not None,
        "image.base": build is not None and bool(build.bases),
        "registry.up": is_loopback(bundle.registry),
        "registry.down": is_loopback(bundle.registry),
        "approval.grant": bool(bundle.invariants),
        "approval.revoke": bool(bundle.invariants),
        "env.template": generated,
        "bundle.init": False,  # there is a bundle
        "env.identity": bool(encrypted),
        "env.encrypt": bool(encrypted),
    }
    return frozenset(task for task, has_work in works.items() if not has_work)


def linked(runbooks: Sequence[Runbook]) -> frozenset[str]:
    """Returns the files that runbooks link to, as paths relative to the runbooks' folder."""
    targets = ((book, target) for book in runbooks for _, target in book.links)
    return frozenset(prose_rules.linked(book, target)[0] for book, target in targets)


def _no_steps(book: Runbook) -> Iterator[Breach[int]]:
    if not book.steps and not book.findings:
        yield Breach(1)


def _unused_failure_step(book: Runbook) -> Iterator[Breach[int]]:
    offered = {step.on_fail for step in book.steps}
    for step in book.steps:
        if step.on_failure_only and step.name not in offered:
            yield Breach(step.line, {"step": step.name})


BOOK_RULES: tuple[Rule[Runbook, int], ...] = (
    Rule(
        "",
        _no_steps,
        "has no steps, so there is nothing to run",
        "write one, or move the file out of the runbooks' folder",
    ),
    Rule(
        "",
        _unused_failure_step,
        "step {step}: no on-fail names it",
        "write on-fail={step} at another step",
    ),
)

TASK_RULES: tuple[Rule[Sequence[str], None], ...] = (
    Rule(
        STEP,
        lambda tasks: (Breach(None, {}, (task,)) for task in tasks),
        "changes something and stands in no runbook",
        "add a step",
    ),
)
