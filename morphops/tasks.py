"""The tasks: one call each, no decisions. A project has them by `from morphops.tasks import ns`.

Nothing heavy is imported here, so that `inv --list` stays as fast as Invoke itself.
"""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from morphops.cli import command, perform

_JSON = "one JSON object on stdout; everything else goes to stderr"
_ENV = "env file (default: MORPHOPS_ENV_FILE, else what the bundle says)"
_PLAN = "show what would happen, change nothing"
_REASON = "why; kept in the history"
_IMAGE = (
    "sha256:<release>, or NAME=sha256:<image> to replace one image of it (repeatable); "
    "NAME alone replaces it in the release of record"
)


@task(
    iterable=["image"],
    help={"image": _IMAGE, "env_file": _ENV, "plan": _PLAN, "reason": _REASON, "json": _JSON},
)
@command(changes=True, unless="plan")
def deploy(
    c: Context,
    image: list[str],
    env_file: str = "",
    plan: bool = False,
    reason: str = "",
    json: bool = False,
) -> None:
    """Deploy a release by its digest; what fails is undone.

    Pulls by digest, checks the data, starts wave by wave, waits for health, probes, verifies.
    Exit codes: 0 healthy, 2 bad input, 3 not now (nothing changed), 4 failed and rolled back,
    5 failed and not rolled back, 130/143 interrupted and rolled back.
    """
    from morphops import report
    from morphops.app import deploying

    perform(
        json,
        lambda site: deploying.deploy(
            site, image, env_file=env_file, plan_only=plan, reason=reason
        ),
        report.deployed,
    )


@task(
    help={
        "to": "a release that was healthy here (digest, or its first 12 digits)",
        "plan": _PLAN,
        "reason": _REASON,
        "json": _JSON,
    }
)
@command(changes=True, unless="plan")
def rollback(
    c: Context, to: str = "", plan: bool = False, reason: str = "", json: bool = False
) -> None:
    """Go back to the last healthy release, with its files and its values.

    Needs no registry: images, files and values are kept here. Twice goes back twice.
    """
    from morphops import report
    from morphops.app import deploying

    perform(
        json,
        lambda site: deploying.rollback(site, to=to, plan_only=plan, reason=reason),
        report.deployed,
    )


@task(iterable=["image"], help={"image": _IMAGE, "json": _JSON})
@command(changes=True)
def pull(c: Context, image: list[str], json: bool = False) -> None:
    """Fetch a release and its images by digest; no container is touched."""
    from morphops import report
    from morphops.app import deploying

    perform(json, lambda site: deploying.pull(site, image), report.release)


@task(help={"reason": _REASON, "json": _JSON})
@command(changes=True)
def up(c: Context, reason: str = "", json: bool = False) -> None:
    """Start the release of record again, wave by wave."""
    from morphops import report
    from morphops.app import deploying

    perform(json, lambda site: deploying.up(site, reason=reason), report.deployed)


@task(help={"reason": _REASON, "json": _JSON})
@command(changes=True)
def down(c: Context, reason: str = "", json: bool = False) -> None:
    """Stop and remove the containers; data, state and images stay."""
    from morphops import report
    from morphops.app import deploying

    perform(json, lambda site: deploying.down(site, reason=reason), report.state)


@task(help={"json": _JSON})
@command
def wait(c: Context, json: bool = False) -> None:
    """Wait until what runs is healthy and its probes pass."""
    from morphops import report
    from morphops.app import looking

    perform(json, looking.wait, report.state)


@task(help={"json": _JSON})
@command
def smoke(c: Context, json: bool = False) -> None:
    """Look once at every probe: data, agreement, known answers."""
    from morphops import report
    from morphops.app import looking

    perform(json, looking.smoke, report.state)


@task(help={"json": _JSON})
@command
def status(c: Context, json: bool = False) -> None:
    """Show the release of record, and what really runs."""
    from morphops import report
    from morphops.app import looking

    perform(json, looking.status, report.status)


@task(help={"limit": "how many of the last operations", "json": _JSON})
@command
def history(c: Context, limit: int = 20, json: bool = False) -> None:
    """Show what was done here: who, when, why, and how it came out."""
    from morphops import report
    from morphops.app import looking

    perform(json, lambda site: looking.history(site, limit), report.history)


@task(
    help={
        "service": "one service (default: all)",
        "tail": "how many of the last lines of each",
        "json": _JSON,
    },
)
@command
def logs(c: Context, service: str = "", tail: int = 50, json: bool = False) -> None:
    """Show the last log lines, with secrets taken out."""
    from morphops import report
    from morphops.app import looking

    perform(json, lambda site: looking.logs(site, service, tail), report.logs)


@task(
    iterable=["image", "label"],
    help={
        "image": "NAME=sha256:<digest> or NAME=repository@sha256:<digest> (repeatable; "
        "default: the last build)",
        "label": "KEY=VALUE, kept in the release (repeatable)",
        "json": _JSON,
    },
)
@command(changes=True)
def create(c: Context, image: list[str], label: list[str], json: bool = False) -> None:
    """Put a release together, push it, and print its digest."""
    from morphops import report
    from morphops.app import releases

    perform(
        json, lambda site: releases.as_json(releases.create(site, image, label)), report.release
    )


@task(
    help={
        "version": "label of the images (default: what git describes)",
        "no_push": "only load them into the engine; then they cannot be released",
        "json": _JSON,
    }
)
@command(changes=True)
def build(c: Context, version: str = "", no_push: bool = False, json: bool = False) -> None:
    """Build the images and push them to the bundle's registry."""
    from morphops import report
    from morphops.app import building

    perform(
        json,
        lambda site: building.build(site, version=version, push=not no_push),
        report.images,
    )


@task(help={"refresh": "make them again, to take in newer packages", "json": _JSON})
@command(changes=True)
def base(c: Context, refresh: bool = False, json: bool = False) -> None:
    """Make base images from distribution packages, for machines without a public registry."""
    from morphops import report
    from morphops.app import building

    perform(json, lambda site: building.make_bases(site, refresh=refresh), report.images)


@task(help={"json": _JSON})
@command(changes=True)
def registry_up(c: Context, json: bool = False) -> None:
    """Start the local registry on loopback."""
    from morphops import report
    from morphops.app import building

    perform(json, building.registry_up, report.registry)


@task(help={"delete_data": "delete what it holds as well", "json": _JSON})
@command(changes=True)
def registry_down(c: Context, delete_data: bool = False, json: bool = False) -> None:
    """Stop the local registry; its data stays."""
    from morphops import report
    from morphops.app import building

    perform(
        json, lambda site: building.registry_down(site, delete_data=delete_data), report.registry
    )


@task(help={"json": _JSON})
@command
def check(c: Context, json: bool = False) -> None:
    """Say what this machine lacks, and how to mend it; exit 3 if anything."""
    from morphops import report
    from morphops.app import hosting

    perform(json, hosting.check, report.host)


@task(help={"json": _JSON})
@command(changes=True)
def setup(c: Context, json: bool = False) -> None:
    """Install and start the engine where it is missing (root)."""
    from morphops import report
    from morphops.app import hosting

    perform(json, hosting.setup, report.setup)


@task(help={"json": _JSON})
@command(changes=True)
def quickstart(c: Context, json: bool = False) -> None:
    """From nothing to a stack that answers, on this machine; again, it changes nothing."""
    from morphops import report
    from morphops.app import quickstart as use_case

    perform(json, use_case.quickstart, report.quickstart)


@task(help={"json": _JSON})
@command(changes=True)
def env_template(c: Context, json: bool = False) -> None:
    """Write the env templates and the table of variables from the env schema."""
    from morphops import report
    from morphops.app import environment

    perform(json, environment.template, report.env_template)


@task(
    help={
        "path": "the file to make; an existing one is never overwritten",
        "template": "which template (default: the schema's first)",
        "source": "an env file whose shared keys are taken over (server B's from server A's)",
        "json": _JSON,
    }
)
@command(changes=True)
def env_init(
    c: Context, path: str, template: str = "", source: str = "", json: bool = False
) -> None:
    """Make an env file, mode 0600, with fresh keys, and say what is left to fill in."""
    from morphops import report
    from morphops.app import environment

    perform(
        json,
        lambda site: environment.init(site, path, name=template, source=source),
        report.env_init,
    )


@task(
    help={
        "env_file": _ENV,
        "template": "the file holds only this template's part (default: the whole)",
        "json": _JSON,
    }
)
@command
def env_check(c: Context, env_file: str = "", template: str = "", json: bool = False) -> None:
    """Check an env file as deploy does: every finding at once, no value shown."""
    from morphops import report
    from morphops.app import environment

    perform(json, lambda site: environment.check(site, env_file, name=template), report.env_check)


@task(help={"env_file": _ENV, "json": _JSON})
@command
def env_show(c: Context, env_file: str = "", json: bool = False) -> None:
    """Show where each variable's value comes from, with a fingerprint and no value."""
    from morphops import report
    from morphops.app import environment

    perform(json, lambda site: environment.show(site, env_file), report.env_show)


@task(help={"name": "one runbook (default: all)", "json": _JSON})
@command
def runbook_check(c: Context, name: str = "", json: bool = False) -> None:
    """Check that each step of the runbooks is a real task with real flags, and the rest of it."""
    from morphops import report
    from morphops.app import runbooks

    perform(json, lambda site: runbooks.check(site, name), report.runbook_check)


@task(help={"name": "of the runbook, without .md", "json": _JSON})
@command
def runbook_show(c: Context, name: str, json: bool = False) -> None:
    """Show a runbook."""
    from morphops import report
    from morphops.app import runbooks

    perform(json, lambda site: runbooks.show(site, name), report.runbook_show)


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
        "json": _JSON,
    },
)
@command
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
    json: bool = False,
) -> None:
    """Go through a runbook step by step: shows, asks, runs, checks what came out, keeps a record.

    Stops at the first step that fails; its exit code is that step's.
    """
    from morphops import report
    from morphops.app import runbooks
    from morphops.cli import pairs
    from morphops.prompt import Prompt

    perform(
        json,
        lambda site: runbooks.run(
            site,
            name,
            section=section,
            inputs=pairs(input, "--input", release=release, reason=reason),
            prompt=Prompt(yes=yes, signed_off=pairs(sign_off, "--sign-off")),
            resume=resume,
        ),
        report.runbook_run,
    )


@task(
    help={
        "keep": "how many of the last healthy releases stay, the one of record included",
        "apply": "do it; without this it only says what would go",
        "build_cache": "also what builds here cached and did not use for a week, of all projects",
        "reason": _REASON,
        "json": _JSON,
    }
)
@command(changes=True, only="apply")
def prune(
    c: Context,
    keep: int = 3,
    apply: bool = False,
    build_cache: bool = False,
    reason: str = "",
    json: bool = False,
) -> None:
    """Remove old images and releases of this project; never what a rollback needs.

    Stays: what runs, the last healthy releases, what is pinned, what is not deployed yet.
    """
    from morphops import report
    from morphops.app import pruning

    perform(
        json,
        lambda site: pruning.prune(
            site, keep=keep, apply=apply, build_cache=build_cache, reason=reason
        ),
        report.pruned,
    )


@task(help={"json": _JSON})
@command
def release_list(c: Context, json: bool = False) -> None:
    """List the releases that are stored here, and what keeps each."""
    from morphops import report
    from morphops.app import pruning

    perform(json, pruning.list_releases, report.release_list)


@task(help={"digest": "of the release, or its first 12 digits", "json": _JSON})
@command
def release_show(c: Context, digest: str, json: bool = False) -> None:
    """Show a release: images, labels, and what was done with it."""
    from morphops import report
    from morphops.app import pruning

    perform(json, lambda site: pruning.show(site, digest), report.release_show)


@task(help={"digest": "of the release, or its first 12 digits", "reason": "why", "json": _JSON})
@command(changes=True)
def release_pin(c: Context, digest: str, reason: str = "", json: bool = False) -> None:
    """Keep a release whatever prune is told."""
    from morphops import report
    from morphops.app import pruning

    perform(json, lambda site: pruning.pin(site, digest, reason=reason), report.state)


@task(help={"digest": "of the release, or its first 12 digits", "json": _JSON})
@command(changes=True)
def release_unpin(c: Context, digest: str, json: bool = False) -> None:
    """Leave a release to prune again."""
    from morphops import report
    from morphops.app import pruning

    perform(json, lambda site: pruning.unpin(site, digest), report.state)


def _collection() -> Collection:
    tasks = (deploy, rollback, pull, up, down, wait, smoke, status, history, logs)
    collection = Collection(*tasks, prune, build, quickstart)
    collection.add_collection(Collection("image", base))
    collection.add_collection(Collection("host", check, setup))
    groups = {
        "env": (env_template, env_init, env_check, env_show),
        "release": (create, release_list, release_show, release_pin, release_unpin),
        "registry": (registry_up, registry_down),
        "runbook": (runbook_check, runbook_show, runbook_run),
    }
    for group, members in groups.items():
        inner = Collection(group)
        for member in members:
            inner.add_task(member, name=member.name.removeprefix(f"{group}_"))
        collection.add_collection(inner)
    return collection


ns = _collection()
