"""Makes a release ready to run: files and values in a deployment's folder, checked and rendered."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from morphops import config, documents, envcheck, envfile, plan
from morphops.app.site import BUNDLE, Site
from morphops.bundle import Bundle
from morphops.engine import Scene
from morphops.envfile import EnvFile
from morphops.envschema import EnvSchema
from morphops.errors import InputError, PreconditionError
from morphops.layout import read_layout
from morphops.model import Release, canonical_json
from morphops.probes import World
from morphops.state import Deployment
from morphops.target import Running, Stack


def prepare(
    site: Site, release: Release, env: EnvFile, deployment: Deployment, running: Running
) -> Scene:
    """Write a deployment's folder and render what would be started from it.

    Args:
        site: where.
        release: what.
        env: the values that a person set.
        deployment: the folder to write.
        running: what is there, for the labels.

    Raises:
        InputError, ConfigError: values, documents or files do not fit; the folder is gone again.
    """
    try:
        return _prepare(site, release, env, deployment, running)
    except BaseException:
        shutil.rmtree(deployment.folder, ignore_errors=True)
        raise


def _prepare(
    site: Site, release: Release, env: EnvFile, deployment: Deployment, running: Running
) -> Scene:
    bundle, schema = read_bundle(release)
    if bundle.project != site.bundle.project:
        raise InputError(
            f"release {release.short} is of project {bundle.project}, this is {site.bundle.project}"
        )
    site.redact.learn(schema.secrets(env.values))
    images = {spec.variable: str(release.image(name).ref) for name, spec in bundle.images.items()}
    envcheck.check(
        env,
        schema,
        images=images,
        provided=documents.variables(bundle),
        exported=site.environ,
    )
    loaded = documents.load(bundle, env.values)
    values = {**env.values, **documents.provided(bundle, loaded), **images}
    header = f"release {release.digest}\nwritten by morphops; what a person sets is elsewhere"
    site.state.write(deployment.values, envfile.render(values, header=header).encode())
    for name, data in release.files.items():
        site.state.write(deployment.files / name, data)
    stack = _stack(bundle, deployment, values, labelled=False)
    services = site.target.render(stack)
    labels = plan.creators(services, running, release.digest)
    override = {"services": {name: {"labels": dict(pairs)} for name, pairs in labels.items()}}
    site.state.write(deployment.labels, canonical_json(override))
    return Scene(
        bundle=bundle,
        release=release,
        stack=_stack(bundle, deployment, values, labelled=True),
        services=services,
        world=World(site.target, bundle.project, loaded),
    )


def reopen(site: Site, deployment: Deployment, digest: str) -> Scene:
    """The scene of an earlier deployment, from what the state folder keeps of it.

    Raises:
        PreconditionError: something of it is missing.
        InputError: a document of it is missing.
    """
    release = stored(site, digest)
    bundle, schema = read_bundle(release)
    values = stored_values(deployment)
    site.redact.learn(schema.secrets(values.values))
    stack = _stack(bundle, deployment, values.values, labelled=True)
    return Scene(
        bundle=bundle,
        release=release,
        stack=stack,
        services=site.target.render(stack),
        world=World(site.target, bundle.project, documents.load(bundle, values.values)),
    )


def stored(site: Site, digest: str) -> Release:
    """A release from the state folder; every byte is hashed again.

    Raises:
        PreconditionError: it is not there, or not whole.
    """
    return read_layout(site.state.release(digest), digest)


def stored_values(deployment: Deployment) -> EnvFile:
    """The values that a deployment ran with.

    Raises:
        PreconditionError: they are gone.
    """
    try:
        return envfile.load(deployment.values)
    except InputError as err:
        raise PreconditionError(
            f"the values of deployment {deployment.id} cannot be used: {err.what}", hint=err.hint
        ) from None


def personal(bundle: Bundle, values: EnvFile) -> EnvFile:
    """Of a deployment's values those that a person set: neither the release nor a document did."""
    decided = documents.variables(bundle) | {spec.variable for spec in bundle.images.values()}
    kept = {name: value for name, value in values.values.items() if name not in decided}
    return EnvFile(values.source, kept, values.lines)


def read_bundle(release: Release) -> tuple[Bundle, EnvSchema]:
    """The bundle and the env schema that a release carries.

    Raises:
        ConfigError: they do not fit this version of the program.
    """
    source = f"release {release.short}: "
    bundle = config.parse_bundle(_text(release.files, BUNDLE, source), source + BUNDLE)
    name = bundle.env.schema
    return bundle, config.parse_env_schema(_text(release.files, name, source), source + name)


def _text(files: Mapping[str, bytes], name: str, source: str) -> str:
    try:
        return files[name].decode()
    except KeyError:
        raise InputError(f"{source}it carries no {name}") from None


def _stack(
    bundle: Bundle, deployment: Deployment, values: Mapping[str, str], *, labelled: bool
) -> Stack:
    profiles = tuple(p for p in values.get("COMPOSE_PROFILES", "").split(",") if p)
    files = [deployment.files / name for name in bundle.compose_files(profiles)]
    if labelled:
        files.append(deployment.labels)
    return Stack(bundle.project, tuple(files), deployment.values, profiles)
