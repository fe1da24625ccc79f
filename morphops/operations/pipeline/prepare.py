"""Makes a release ready to run: files and values in a deployment's folder, checked and rendered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from morphops.adapters.probes import ProbeContext
from morphops.adapters.store import documents
from morphops.adapters.store.release_layout import read_layout
from morphops.adapters.store.state_folder import Deployment
from morphops.core.bundle import parse
from morphops.core.bundle.documents import changed_since_deploy, derive_values, variable_names
from morphops.core.bundle.schema import Bundle
from morphops.core.env import rules
from morphops.core.env.dotenv import EnvFile
from morphops.core.env.parse import parse_env_schema
from morphops.core.env.schema import EnvSchema
from morphops.core.history import operations
from morphops.core.plan import plan
from morphops.core.plan.desired import Desired
from morphops.core.release.digest import short
from morphops.core.release.release import Release
from morphops.core.stack import Running, Service, Stack
from morphops.errors import InputError, PreconditionError
from morphops.operations.pipeline import values as kept
from morphops.site import BUNDLE, Site


@dataclass(frozen=True, slots=True)
class PreparedRelease:
    """Everything that the steps of one plan work on: a release with its values, ready to start.

    Attributes:
        bundle: the release's own.
        release: what is to run.
        stack: what the platform starts it from.
        services: as the platform renders them.
        context: what its probes may look at.
        approved: names of the invariants that may be broken.
    """

    bundle: Bundle
    release: Release
    stack: Stack
    services: Mapping[str, Service]
    context: ProbeContext
    approved: frozenset[str] = frozenset()

    def desired(self, deployment: int) -> Desired:
        """What a plan is decided from; `deployment` is the number of its folder."""
        return Desired(
            bundle=self.bundle,
            release=self.release,
            services=self.services,
            deployment=deployment,
            approved=self.approved,
        )


def prepare(
    site: Site,
    release: Release,
    env: EnvFile,
    deployment: Deployment,
    *,
    approved: frozenset[str] | None = None,
) -> PreparedRelease:
    """Write a deployment's folder and render what would be started from it; see also `mark`.

    Args:
        site: where.
        release: what.
        env: the values that a person set.
        deployment: the folder to write.
        approved: invariants that may be broken; None for those that the history says.

    Raises:
        InputError, ConfigError: values, documents or files do not fit; the folder is gone again.
    """
    try:
        return _prepare(site, release, env, deployment, approved)
    except BaseException:
        shutil.rmtree(deployment.folder, ignore_errors=True)
        raise


def _prepare(
    site: Site,
    release: Release,
    env: EnvFile,
    deployment: Deployment,
    approved: frozenset[str] | None,
) -> PreparedRelease:
    bundle, schema = read_bundle(release)
    if bundle.project != site.bundle.project:
        raise InputError(
            f"release {release.short} is of project {bundle.project}, this is {site.bundle.project}"
        )
    site.redact.learn(schema.secrets(env.values))
    images = {spec.variable: str(release.image(name).ref) for name, spec in bundle.images.items()}
    rules.check(
        env,
        schema,
        images=images,
        provided=variable_names(bundle),
        exported=site.exported,
    )
    loaded = documents.load(bundle, env.values)
    values = {**env.values, **derive_values(bundle, loaded), **images}
    kept.store_values(site, deployment, release.digest, values, encrypted=env.encrypted)
    for name, data in release.files.items():
        site.state.write(deployment.files / name, data)
    stack = _stack(site, bundle, schema, deployment, values)
    services = site.platform.workloads.render(stack)
    _refuse_left_behind(release, deployment, services)
    return PreparedRelease(
        bundle=bundle,
        release=release,
        stack=_labelled(stack, deployment),
        services=services,
        context=ProbeContext(site.platform.workloads, bundle.project, loaded),
        approved=_approved(site) if approved is None else approved,
    )


def mark(site: Site, prepared: PreparedRelease, deployment: Deployment, running: Running) -> None:
    """Write the file that marks what is started with the release that creates it.

    Args:
        site: where.
        prepared: what is to run.
        deployment: its folder.
        running: what is there: an unchanged service keeps its mark.
    """
    owners = plan.ownership(prepared.services, running, prepared.release.digest)
    marks = site.platform.workloads.marks(prepared.services, owners)
    site.state.write(deployment.labels, marks)


def _refuse_left_behind(
    release: Release, deployment: Deployment, services: Mapping[str, Service]
) -> None:
    """Refuse files beside the compose files that did not come with them into the release.

    For one that is mounted and not there the engine would make an empty folder.
    """
    here = deployment.folder.parent.absolute()
    missing = tuple(
        f"{name}: {os.path.relpath(path, deployment.files.absolute())}"
        for name, service in services.items()
        for path in sorted(service.files)
        if Path(path).is_relative_to(here) and not Path(path).exists()
    )
    if missing:
        raise InputError(
            f"release {release.short} names files of the working tree, and does not carry them",
            detail=missing,
            state="nothing was changed",
            hint="put them into an image, or name a path of the host by a variable; "
            "then inv bundle.check",
        )


def reopen(
    site: Site,
    deployment: Deployment,
    digest: str,
    *,
    approved: frozenset[str] | None = None,
    same_data: bool = False,
) -> PreparedRelease:
    """An earlier deployment, from what the state folder keeps of it.

    Args:
        site: where.
        deployment: its folder.
        digest: its release.
        approved: invariants that may be broken; None for those that the history says.
        same_data: whether its documents have to say what they said then: with the old values
            it cannot be brought to life on other data.

    Raises:
        PreconditionError: something of it is missing, or its data was replaced.
        InputError: a document of it is missing.
    """
    release = stored(site, digest)
    bundle, schema = read_bundle(release)
    values = kept.read_values(site, deployment)
    # Images and what documents decide are no secrets; a message has to be able to name them.
    site.redact.learn(schema.secrets(operator_values(bundle, values).values))
    loaded = documents.load(bundle, values.values)
    if same_data and (other := changed_since_deploy(bundle, loaded, values.values)):
        raise PreconditionError(
            f"the data was replaced since release {short(digest)} was deployed: {other[0]}",
            detail=other[1:],
            state="nothing was changed",
            hint=f"inv deploy --image={digest}   (with the current data), or put the old data back",
        )
    stack = _labelled(_stack(site, bundle, schema, deployment, values.values), deployment)
    return PreparedRelease(
        bundle=bundle,
        release=release,
        stack=stack,
        services=site.platform.workloads.render(stack),
        context=ProbeContext(site.platform.workloads, bundle.project, loaded),
        approved=_approved(site) if approved is None else approved,
    )


def _approved(site: Site) -> frozenset[str]:
    return operations.approved(site.history.records())


def stored(site: Site, digest: str) -> Release:
    """A release from the state folder; every byte is hashed again.

    Raises:
        PreconditionError: it is not there, or not whole.
    """
    return read_layout(site.state.release(digest), digest)


def operator_values(bundle: Bundle, values: EnvFile) -> EnvFile:
    """Of a deployment's values those that a person set: neither the release nor a document did."""
    decided = variable_names(bundle) | {spec.variable for spec in bundle.images.values()}
    own = {name: value for name, value in values.values.items() if name not in decided}
    return replace(values, values=own)


def read_bundle(release: Release) -> tuple[Bundle, EnvSchema]:
    """The bundle and the env schema that a release carries.

    Raises:
        ConfigError: they do not fit this version of the program.
    """
    source = f"release {release.short}: "
    bundle = parse.parse_bundle(_text(release.files, BUNDLE, source), source + BUNDLE)
    name = bundle.env.schema
    return bundle, parse_env_schema(_text(release.files, name, source), source + name)


def _text(files: Mapping[str, bytes], name: str, source: str) -> str:
    try:
        return files[name].decode()
    except KeyError:
        raise InputError(f"{source}it carries no {name}") from None


def _stack(
    site: Site,
    bundle: Bundle,
    schema: EnvSchema,
    deployment: Deployment,
    values: Mapping[str, str],
) -> Stack:
    profiles = tuple(p for p in values.get("COMPOSE_PROFILES", "").split(",") if p)
    files = tuple(deployment.files / name for name in bundle.compose_files(profiles))
    return Stack(
        project=bundle.project,
        files=files,
        env_file=kept.env_file_for_platform(site, deployment),
        profiles=profiles,
        variables=frozenset({*schema.variables, *values}),
    )


def _labelled(stack: Stack, deployment: Deployment) -> Stack:
    return replace(stack, files=(*stack.files, deployment.labels))
