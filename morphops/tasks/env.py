"""Env files, from one schema: made, checked, shown without a value."""

from __future__ import annotations

from invoke.context import Context

from morphops.cli import command, perform
from morphops.tasks.options import ENV, JSON, WAIT
from morphops.tasks.own_task import task
from morphops.tasks.positional import MayBeNamed

_PART = "the file holds only this template's part (default: the whole)"


@task(help={"json": JSON})
@command(changes=True)
def env_template(c: Context, json: bool = False) -> None:
    """Write the env templates and the table of variables from the env schema."""
    from morphops.operations.env import template
    from morphops.report import env as report

    perform(json, template.template, report.env_template)


@task(
    klass=MayBeNamed,
    help={
        "path": "the file to make, encrypted if it ends in .age; never overwrites one (default: "
        "MORPHOPS_ENV_FILE, else what the bundle says)",
        "template": "which template (default: the schema's first, or all where it has none)",
        "source": "an env file whose shared keys are taken over (server B's from server A's)",
        "json": JSON,
    },
)
@command(changes=True)
def env_init(
    c: Context, path: str = "", template: str = "", source: str = "", json: bool = False
) -> None:
    """Make an env file, mode 0600, with fresh keys, and say what is left to fill in."""
    from morphops.operations.env import init
    from morphops.report import env as report

    perform(
        json,
        lambda site: init.init(site, path, name=template, source=source),
        report.env_init,
    )


@task(
    help={
        "env_file": ENV,
        "template": _PART,
        "json": JSON,
    }
)
@command
def env_check(c: Context, env_file: str = "", template: str = "", json: bool = False) -> None:
    """Check an env file as deploy does: every finding at once, no value shown."""
    from morphops.operations.env import check
    from morphops.report import env as report

    perform(json, lambda site: check.check(site, env_file, name=template), report.env_check)


@task(help={"env_file": ENV, "json": JSON})
@command
def env_show(c: Context, env_file: str = "", json: bool = False) -> None:
    """Show where each variable's value comes from, with a fingerprint and no value."""
    from morphops.operations.env import show
    from morphops.report import env as report

    perform(json, lambda site: show.show(site, env_file), report.env_show)


@task(help={"json": JSON})
@command(changes=True)
def env_identity(c: Context, json: bool = False) -> None:
    """Show your age recipient; make an identity if there is none.

    The identity lies at MORPHOPS_AGE_IDENTITY, else at ~/.config/morphops/identity.txt.
    """
    from morphops.operations.env import identity
    from morphops.report import env as report

    perform(json, identity.identity, report.env_identity)


@task(help={"env_file": ENV, "wait_lock": WAIT, "json": JSON})
@command(changes=True)
def env_encrypt(c: Context, env_file: str = "", wait_lock: int = 0, json: bool = False) -> None:
    """Encrypt the env file (age), and the values of every deployment that is kept.

    For the identity here and for the bundle's `env/recipients`; again after those changed. The
    plain file is removed. What runs is not touched.
    """
    from morphops.operations.env import encrypt
    from morphops.report import env as report

    perform(json, lambda site: encrypt.encrypt(site, env_file, wait=wait_lock), report.env_encrypt)


@task(help={"env_file": ENV, "template": _PART, "json": JSON})
@command(changes=True)
def env_edit(c: Context, env_file: str = "", template: str = "", json: bool = False) -> None:
    """Edit the env file with VISUAL or EDITOR, and check it; an encrypted one stays encrypted."""
    from morphops.operations.env import edit
    from morphops.report import env as report

    perform(json, lambda site: edit.edit(site, env_file, name=template), report.env_edit)
