"""The bundle: made for a compose file, shown whole, and checked with every artifact."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform, perform_anywhere
from morphops.tasks.options import JSON
from morphops.tasks.own_task import task
from morphops.tasks.positional import MayBeNamed


@task(
    klass=MayBeNamed,
    iterable=["file"],
    help={
        "compose": "a compose file; several with : between (default: those that Compose finds)",
        "file": "a further compose file (repeatable)",
        "json": JSON,
    },
)
@command(changes=True)
def bundle_init(c: Context, compose: str = "", file: list[str] = [], json: bool = False) -> None:  # noqa: B006 - Invoke wants a list
    """Write a bundle for compose files that are there, and an env file; change no file.

    Says what was understood, and what to type next. What is there already stays.
    """
    import os
    from pathlib import Path

    from morphops.operations.bundle import init
    from morphops.report import bundle as report

    named = [name for name in (compose, *file) if name]
    perform_anywhere(
        json,
        lambda observer: init.init(observer, Path.cwd(), named, os.environ),
        report.bundle_init,
    )


@task(help={"json": JSON})
@command
def bundle_show(c: Context, json: bool = False) -> None:
    """Show the complete bundle and env schema, and where each part comes from."""
    from morphops.operations.bundle import show
    from morphops.report import bundle as report

    perform(json, show.show, report.bundle_show)


@task(help={"json": JSON})
@command
def bundle_check(c: Context, json: bool = False) -> None:
    """Check every artifact: compose files, Dockerfiles, env schema, templates, waves, runbooks.

    Needs the docker client and no engine. Exit code 2 with findings, each with line and remedy.
    """
    from morphops.operations.bundle import check
    from morphops.report import bundle as report

    perform(json, check.check, report.bundle_check)
