"""Refuses, when a release is made, what no deploy of it could ever bring.

The judgement is the one of a plan, as far as it needs nothing that runs, and no value that only a
machine has. For that the release is rendered with made-up values.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from posixpath import normpath

from morphops.adapters.store.files import write_whole
from morphops.adapters.store.state_folder import Deployment
from morphops.core import jobs
from morphops.core.bundle.schema import Bundle
from morphops.core.checks import compose_rules, interpolation, sample_values, working_tree
from morphops.core.env import dotenv
from morphops.core.env.schema import EnvSchema
from morphops.core.plan import preconditions
from morphops.core.plan.desired import Desired
from morphops.core.release.release import Release
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError, InputError, PreconditionError
from morphops.operations.pipeline import beside, prepare
from morphops.site import Site


def judge(site: Site, release: Release) -> None:
    """Refuse a release that can never be deployed.

    Raises:
        InputError: with file, line, service and key of each reason.
    """
    bundle, schema = prepare.read_bundle(release)
    texts = [YamlText(name, release.files[name].decode()) for name in bundle.files()]
    sources = [YamlText(site.shown(site.folder / one.name), one.text) for one in texts]
    found = [
        f"{source.name}:{source.line(*path)}: {'/'.join(path)}: a release never carries the file "
        "of a secret; name it in compose/data"
        for source, path in working_tree.carried_secrets(sources, bundle)
    ]
    try:
        found += _misfits(site, release, bundle, schema, sources)
    except PreconditionError as err:  # no docker client, or an engine that is elsewhere
        site.observer.note(f"whether it can be deployed was not tried: {err.what}")
    except ConfigError as err:
        # With the values of a machine it may well render.
        why = " ".join(err.detail) or err.what
        site.observer.note(f"whether it can be deployed was not tried with made-up values: {why}")
    if found:
        raise InputError(
            "no deploy could ever bring this release",
            detail=tuple(found),
            state="nothing was changed; no release was made",
            hint="correct what is named, then inv bundle.check; inv release.create",
        )


def _misfits(
    site: Site,
    release: Release,
    bundle: Bundle,
    schema: EnvSchema,
    sources: Sequence[YamlText],
) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="morphops-judge-") as folder:
        deployment = Deployment(0, Path(folder) / "deployment")
        for name, data in release.files.items():
            write_whole(deployment.files / name, data)
        values = _values(release, bundle, schema, sources)
        write_whole(deployment.values, dotenv.render(values).encode())
        bare = prepare.stack_of(site, release, schema, deployment, values)
        stack, _ = beside.place(site, release, bundle, deployment, bare)
        services = site.platform.workloads.render(stack)
        left = prepare.left_behind(release, bundle, deployment, services)
    yield from (_located(f"{line} {_NOT_NAMED}", sources, "volumes") for line in left)
    desired = Desired(
        bundle=bundle,
        release=release,
        services=jobs.with_jobs(bundle, services),
        undoing=jobs.undoing(bundle, services),
        deployment=0,
    )
    for reason in preconditions.misfit(desired):
        yield from (_located(line, sources) for line in reason.detail)
    for reason in preconditions.unwritable_contents(services):
        yield from (_located(line, sources, "read_only") for line in (reason.what, *reason.detail))


def _values(
    release: Release, bundle: Bundle, schema: EnvSchema, sources: Sequence[YamlText]
) -> dict[str, str]:
    """Made-up values, and the images of the release; no profile is on, for that is always right."""
    uses = [use for source in sources for use in interpolation.uses(source)]
    wanted = sample_values.forms_by_place(sources)
    made_up = sample_values.values(bundle, schema, uses, wanted).values
    return {**made_up, **prepare.image_values(release, bundle), "COMPOSE_PROFILES": ""}


# By what a reason says, the key of the service that it is about.
_KEYS = {
    "image ": "image",
    "has a scale ": "scale",
    "asks for ": "platform",
    "waits for ": "depends_on",
}
_NOT_NAMED = (
    "stands beside the compose file, and the bundle does not name it: in compose/carries if it is "
    "content, in compose/data if it belongs to the machine, in compose/leaves to leave it out"
)


def _located(line: str, sources: Sequence[YamlText], key: str = "") -> str:
    """A reason, with the place in the person's own file that decides it.

    Args:
        line: `service: what`.
        sources: the compose files.
        key: of the service; empty where the reason tells it.
    """
    service, _, what = line.partition(": ")
    key = key or next((key for words, key in _KEYS.items() if what.startswith(words)), "")
    path = ("services", service, *([key] if key else []))
    if key == "volumes":
        path = (*path, *_entry(sources, path, what.partition(" ")[0]))
    file, number = compose_rules.place(sources, path)
    return f"{file}:{number}: {'/'.join(path)}: {what}"


def _entry(sources: Sequence[YamlText], path: tuple[str, ...], mounted: str) -> tuple[str, ...]:
    """The item of a list that names a mounted path; nothing where none does."""
    for source in sources:
        for number in source.keys(*path):
            item = (*path, number)
            text = source.text_at(*item).partition(":")[0] or source.text_at(*item, "source")
            if text and normpath(text).endswith(normpath(mounted)):
                return (number,)
    return ()
