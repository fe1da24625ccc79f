"""Makes a release ready to run: files and values in a deployment's folder, checked and rendered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from morphops.adapters import actor
from morphops.adapters.probes import ProbeContext
from morphops.adapters.store import documents
from morphops.adapters.store.release_layout import read_layout
from morphops.adapters.store.state_folder import Deployment
from morphops.core import jobs
from morphops.core.bundle import generated, parse
from morphops.core.bundle.documents import (
    changed_since_deploy,
    derive_values,
    replaced_in_place,
    variable_names,
    with_documents,
)
from morphops.core.bundle.schema import Bundle
from morphops.core.checks import working_tree
from morphops.core.env import rules
from morphops.core.env.dotenv import EnvFile
from morphops.core.env.parse import parse_env_schema
from morphops.core.env.schema import EnvSchema
from morphops.core.history import operations
from morphops.core.plan import changes, plan
from morphops.core.plan.desired import Desired
from morphops.core.release.digest import canonical_json, short
from morphops.core.release.release import Release
from morphops.core.seal import Seal
from morphops.core.stack import Running, Service, Stack
from morphops.core.yaml_text import YamlText, may_be_endless
from morphops.errors import ConfigError, InputError, PreconditionError
from morphops.operations.pipeline import beside
from morphops.operations.pipeline import values as kept
from morphops.operations.pipeline.beside import NOTHING_BESIDE, Beside
from morphops.site import BUNDLE, Site


@dataclass(frozen=True, slots=True)
class PreparedRelease:
    """Everything that the steps of one plan work on: a release with its values, ready to start.

    Attributes:
        bundle: the release's own.
        release: what is to run.
        stack: what the platform starts it from.
        services: as the platform renders them, jobs included.
        context: what its probes may look at.
        approved: names of the invariants that may be broken.
        again: services that a person wants to have recreated.
        undoing: the services that only take back what a job did.
        beside: where what stands beside the compose files lies.
    """

    bundle: Bundle
    release: Release
    stack: Stack
    services: Mapping[str, Service]
    context: ProbeContext
    approved: frozenset[str] = frozenset()
    again: frozenset[str] = frozenset()
    beside: Beside = NOTHING_BESIDE
    undoing: Mapping[str, Service] = field(default_factory=dict)

    @property
    def every(self) -> Mapping[str, Service]:
        """All that can be started of it."""
        return {**self.services, **self.undoing}

    def asking(self, seed: str) -> PreparedRelease:
        """The same, with the questions that a seed decides."""
        return replace(self, context=replace(self.context, seed=seed))

    def desired(self, deployment: int) -> Desired:
        """What a plan is decided from; `deployment` is the number of its folder."""
        return Desired(
            bundle=self.bundle,
            release=self.release,
            services=self.services,
            deployment=deployment,
            approved=self.approved,
            again=self.again,
            undoing=self.undoing,
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
    _refuse_included(release, bundle)
    images = image_values(release, bundle)
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
    bare = stack_of(site, release, schema, deployment, values)
    stack, places = beside.place(site, release, bundle, deployment, bare)
    digests = {name: document.digest for name, document in loaded.items()}
    site.state.write(deployment.documents, canonical_json(digests))
    services = with_documents(site.platform.workloads.render(stack), loaded, digests)
    _refuse_unknown_profiles(site, bundle, stack, services)
    if missing := left_behind(release, bundle, deployment, services):
        raise _not_carried(release, missing)
    return PreparedRelease(
        bundle=bundle,
        release=release,
        stack=_labelled(stack, deployment),
        services=jobs.with_jobs(bundle, services),
        undoing=jobs.undoing(bundle, services),
        context=ProbeContext(site.platform.workloads, bundle.project, loaded),
        approved=_approved(site) if approved is None else approved,
        beside=places,
    )


def mark(site: Site, prepared: PreparedRelease, deployment: Deployment, running: Running) -> None:
    """Write the file that marks what is started with the release that creates it.

    Args:
        site: where.
        prepared: what is to run.
        deployment: its folder.
        running: what is there: an unchanged service keeps its mark.
    """
    services = prepared.services
    again = changes.for_others(prepared.bundle, services, running, prepared.again)
    owners = plan.ownership(prepared.every, running, prepared.release.digest, again)
    marks = site.platform.workloads.marks(prepared.every, owners)
    site.state.write(deployment.labels, marks)


def refuse_what_ends(prepared: PreparedRelease) -> None:
    """Refuse services that are made to end and are no job: the deploy would be undone.

    Raises:
        InputError: there is one.
    """
    services = prepared.services
    if found := [name for name in jobs.staying(services) if services[name].ends]:
        raise InputError(
            f"{', '.join(found)}: restart: no is for what ends, and the bundle names no such job",
            state="nothing was changed",
            hint=f"name it in the bundle, jobs: {{{found[0]}: {{}}}}; "
            "or, if it has to stay up, write restart: unless-stopped",
        )


def _refuse_unknown_profiles(
    site: Site, bundle: Bundle, stack: Stack, services: Mapping[str, Service]
) -> None:
    """Refuse profiles that the release does not have: what they should switch on would not run.

    A service that a profile switches on has the profile; so those that no service has are unknown.
    """
    known = {*bundle.compose.profiles, *_profiles_of(services)}
    ours = {jobs.UNDO_PROFILE} if jobs.undo_services(bundle) else set()
    unknown = [name for name in stack.profiles if name not in known | ours | {"*"}]
    if not unknown:
        return
    all_on = replace(stack, profiles=("*",))
    there = sorted(known | _profiles_of(site.platform.workloads.render(all_on)))
    raise InputError(
        f"COMPOSE_PROFILES: no service of the release has the profile {', '.join(unknown)}",
        detail=(f"profiles of the release: {', '.join(there) or 'none'}",),
        state="nothing was changed",
        hint="correct COMPOSE_PROFILES in the env file",
    )


def _profiles_of(services: Mapping[str, Service]) -> set[str]:
    return {name for service in services.values() for name in service.profiles}


def _refuse_included(release: Release, bundle: Bundle) -> None:
    """Refuse compose files that have Compose read others, which the release does not carry."""
    texts = [(name, _text(release.files, name, "")) for name in bundle.files()]
    # What is without measure is refused as it is read, and Compose would work on it without end.
    sources = [
        YamlText(name, text)
        for name, text in texts
        if working_tree.may_include(text) or may_be_endless(text)
    ]

    def carried(name: str) -> str | None:
        return _text(release.files, name, "") if name in release.files else None

    if found := working_tree.included_lines(sources, bundle, carried):
        raise _not_carried(release, found)


def left_behind(
    release: Release, bundle: Bundle, deployment: Deployment, services: Mapping[str, Service]
) -> tuple[str, ...]:
    """The files beside the compose files that a release neither carries nor names.

    They would be looked for in the folder of the deployment, which is another one each time.

    Returns:
        each as `service: path`.
    """
    given = {(name, path) for name, service in services.items() for path in service.files}
    if not given:
        return ()
    here, files = deployment.folder.parent.absolute(), deployment.files.absolute()
    sources = [YamlText(name, _text(release.files, name, "")) for name in bundle.files()]
    relative = working_tree.relative(sources, str(files))
    return tuple(
        f"{name}: {os.path.relpath(path, files)}"
        for name, path in sorted(given)
        if Path(path).is_relative_to(here) or os.path.normpath(path) in relative
    )


def _not_carried(release: Release, found: tuple[str, ...]) -> InputError:
    return InputError(
        f"release {release.short} names files of the working tree, and does not carry them",
        detail=found,
        state="nothing was changed",
        hint="name each in the bundle: compose/carries for content, compose/data for what the "
        "machine has, compose/leaves for what is left out; then inv bundle.check",
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
    digests = documents.recorded(deployment.documents)
    bare = stack_of(site, release, schema, deployment, values.values)
    stack, places = beside.again(release, bundle, deployment, bare)
    stack = _labelled(stack, deployment)
    services = site.platform.workloads.render(stack)
    other = changed_since_deploy(bundle, loaded, values.values) if same_data else ()
    if other or (same_data and (other := replaced_in_place(services, loaded, digests))):
        raise PreconditionError(
            f"the data was replaced since release {short(digest)} was deployed: {other[0]}",
            detail=other[1:],
            state="nothing was changed",
            hint=f"inv deploy --image={digest}   (with the current data), or put the old data back",
        )
    known = with_documents(services, loaded, digests)
    return PreparedRelease(
        bundle=bundle,
        release=release,
        stack=stack,
        services=jobs.with_jobs(bundle, known),
        undoing=jobs.undoing(bundle, known),
        context=ProbeContext(site.platform.workloads, bundle.project, loaded),
        approved=_approved(site) if approved is None else approved,
        beside=places,
    )


def _approved(site: Site) -> frozenset[str]:
    return operations.approved(site.history.past(), actor.now())


def stored(site: Site, digest: str) -> Release:
    """A release from the state folder; every byte is hashed again.

    Raises:
        PreconditionError: it is not there, or not whole.
    """
    return read_layout(site.state.release(digest), digest)


def image_values(release: Release, bundle: Bundle) -> dict[str, str]:
    """The variables by which compose files name images of a release: name → reference."""
    return {v: str(release.image(name).ref) for v, name in bundle.image_variables.items()}


def operator_values(bundle: Bundle, values: EnvFile) -> EnvFile:
    """Of a deployment's values those that a person set: neither the release nor a document did."""
    decided = variable_names(bundle) | bundle.image_variables.keys()
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
    except UnicodeDecodeError:
        raise ConfigError(f"{source}{name}: is not UTF-8") from None


def stack_of(
    site: Site,
    release: Release,
    schema: EnvSchema,
    deployment: Deployment,
    values: Mapping[str, str],
) -> Stack:
    """What a deployment is started from, as far as its release says it.

    Args:
        site: where.
        release: what.
        schema: the release's own.
        deployment: its folder, with the release's files.
        values: all that it runs with.
    """
    bundle, _ = read_bundle(release)
    # As Compose reads it: without the blanks around each name.
    given = values.get("COMPOSE_PROFILES", "").split(",")
    profiles = tuple(name.strip() for name in given if name.strip())
    if jobs.undo_services(bundle):  # so that they are described; a deploy does not start them
        profiles = tuple(dict.fromkeys((*profiles, jobs.UNDO_PROFILE)))
    names = bundle.compose_files(profiles)
    files = (*names, *filter(release.files.__contains__, map(generated.override_of, names)))
    return Stack(
        project=bundle.project,
        files=tuple(deployment.files / name for name in files),
        env_file=kept.env_file_for_platform(site, deployment),
        profiles=profiles,
        variables=frozenset({*schema.variables, *values}),
        seal=Seal(site.state.key()),
    )


def _labelled(stack: Stack, deployment: Deployment) -> Stack:
    return replace(stack, files=(*stack.files, deployment.labels))
