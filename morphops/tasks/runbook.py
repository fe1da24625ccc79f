"""Runbooks: check, show, run, verify."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import EVENTS, JSON
from morphops.tasks.own_task import task
from morphops.tasks.positional import MayBeNamed


@task(klass=MayBeNamed, help={"name": "one runbook, without .md (default: all)", "json": JSON})
@command
def runbook_check(c: Context, name: str = "", json: bool = False) -> None:
    """Check the runbooks: their steps, tasks, flags, links and services exist."""
    from morphops.operations.runbook import check
    from morphops.report import runbook as report

    perform(json, lambda site: check.check(site, name), report.runbook_check)


@task(help={"name": "of the runbook, without .md", "json": JSON})
@command
def runbook_show(c: Context, name: str, json: bool = False) -> None:
    """Show a runbook."""
    from morphops.operations.runbook import show
    from morphops.report import runbook as report

    perform(json, lambda site: show.show(site, name), report.runbook_show)


@task(
    iterable=["input", "sign_off"],
    help={
        "name": "of the runbook, without .md",
        "section": "anchor of its section; not needed where there is one, or a main one",
        "release": "short for --input=release=…",
        "reason": "short for --input=reason=…",
        "input": "NAME=VALUE, what the runbook asks for (repeatable)",
        "yes": "do not ask; then manual steps need --sign-off",
        "sign_off": "STEP=NAME: this manual step was done, by whom (repeatable)",
        "resume": "go on where the last run of this section stopped",
        "events": EVENTS,
        "json": JSON,
    },
)
@command(leads=True)
def runbook_run(
    c: Context,
    name: str,
    input: list[str],
    sign_off: list[str],
    section: str = "",
    release: str = "",
    reason: str = "",
    yes: bool = False,
    resume: bool = False,
    events: str = "",
    json: bool = False,
) -> None:
    """Go through a runbook step by step: show, ask, run, check the result, keep a record.

    Stops at the first step that fails; its exit code is that step's.
    """
    from morphops.cli import pairs
    from morphops.operations.runbook import run as use_case
    from morphops.report import runbook as report

    perform(
        json,
        lambda site: use_case.run(
            site,
            use_case.Request(
                runbook=name,
                section=section,
                inputs=pairs(input, "--input", release=release, reason=reason),
                resume=resume,
            ),
            site.prompt(yes=yes, signed_off=pairs(sign_off, "--sign-off")),
        ),
        report.runbook_run,
        events=events,
    )


@task(
    klass=MayBeNamed,
    help={"transcript": "its path, or its folder's (default: the last run's)", "json": JSON},
)
@command
def runbook_verify(c: Context, transcript: str = "", json: bool = False) -> None:
    """Prove that a run's transcript is unchanged and complete."""
    from morphops.operations.runbook import record
    from morphops.report import runbook as report

    perform(json, lambda site: record.verify(site, transcript), report.runbook_verify)
