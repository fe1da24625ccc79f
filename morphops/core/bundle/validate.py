"""What one part of a bundle says of another."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from morphops.core.bundle.schema import Bundle
from morphops.core.release.artifact import is_inside
from morphops.core.release.platform import is_platform
from morphops.core.release.reference import is_repository, registry_fault
from morphops.core.schema import not_negative

_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # compose-spec, "name top-level element"


def registry_findings(bundle: Bundle) -> list[str]:
    """What is wrong with the names that the bundle has in a registry."""
    fault = registry_fault(bundle.registry)
    findings = [f"registry: {fault}"] if fault else []
    names = {
        f"images/{name}/repository": image.repository
        for name, image in bundle.images.items()
        if image.repository
    }
    for path, name in {"releases": bundle.releases, **names}.items():
        if not is_repository(name):
            findings.append(
                f"{path}: {name!r} is not the name of a repository; use a-z 0-9 . _ - /, and "
                "write the registry's host in `registry`"
            )
    return findings


def hook_findings(bundle: Bundle) -> list[str]:
    """What is wrong with where the hooks are: they are of the working tree, as its files are."""
    return [
        f"hooks/{moment}/run: {hook.run!r} is no path inside of the bundle's folder; put it there"
        for moment, hook in bundle.hooks.items()
        if not is_inside(posixpath.normpath(hook.run))
    ]


def cross_findings(bundle: Bundle) -> list[str]:
    """What one part of a bundle gets wrong about another, each `path: what`."""
    return [
        *_own_findings(bundle),
        *_files(bundle),
        *(f"{path}/{finding}" for path, findings in _sections(bundle) for finding in findings),
        *_twice(bundle),
        *_checks(bundle),
    ]


def _own_findings(bundle: Bundle) -> Iterator[str]:
    """What is wrong with keys that stand in no section."""
    if not _PROJECT.fullmatch(bundle.project):
        yield "project: a-z, 0-9, - and _, and a letter or digit first"
    if bundle.platform and not is_platform(bundle.platform):
        yield f"platform: {bundle.platform!r} is not a platform; write it as linux/arm64"
    yield from not_negative(settle=bundle.settle)


def _files(bundle: Bundle) -> Iterator[str]:
    """Files that a release could not carry: it has what is in the bundle's folder."""
    paths = {f"compose/files/{n}": name for n, name in enumerate(bundle.compose.files)}
    for profile, names in bundle.compose.profiles.items():
        paths |= {f"compose/profiles/{profile}/{n}": name for n, name in enumerate(names)}
    paths |= {f"compose/carries/{n}": name for n, name in enumerate(bundle.compose.carries)}
    paths["env/schema"] = bundle.env.schema
    for path, name in paths.items():
        if not is_inside(name):
            yield f"{path}: {name!r} is no path inside of the bundle's folder; put the file there"


def _sections(bundle: Bundle) -> Iterator[tuple[str, Iterable[str]]]:
    """The path of each section, and what is wrong with it."""
    yield "retention", bundle.retention.findings()
    yield "pull", bundle.pull.findings()
    yield "env", bundle.env.findings()
    yield "compose", bundle.compose.findings()
    yield from _items(bundle)
    if bundle.notify is not None:
        yield "notify", bundle.notify.findings()


def _items(bundle: Bundle) -> Iterator[tuple[str, Iterable[str]]]:
    """The same of what a section has several of."""
    for name, image in bundle.images.items():
        yield f"images/{name}", image.findings()
    for number, acceptance in enumerate(bundle.accept):
        yield f"accept/{number}", acceptance.findings()
    for number, keep in enumerate(bundle.keeps):
        yield f"keeps/{number}", keep.findings(bundle)
    for service, job in bundle.jobs.items():
        yield f"jobs/{service}", job.findings(service, bundle)
    for moment, hook in bundle.hooks.items():
        yield f"hooks/{moment}", hook.findings()
    for name, invariant in bundle.invariants.items():
        yield f"invariants/{name}", invariant.findings(name, bundle)
    for name, document in bundle.documents.items():
        yield f"documents/{name}", document.findings()
    for number, wave in enumerate(bundle.waves):
        yield f"waves/{number}", wave.findings(bundle)
    for name, probe in bundle.probes.items():
        yield f"probes/{name}", probe.findings(bundle)


def _twice(bundle: Bundle) -> Iterator[str]:
    """Variables that two parts decide, and services that are in two waves."""
    variables: dict[str, str] = {}
    for path, variable, owner in _decided(bundle):
        if variable in variables:
            yield f"{path}: already that of {variables[variable]!r}"
        variables[variable] = owner
    images: dict[str, str] = {}
    for name, image in bundle.images.items():
        for place, service in enumerate(image.services):
            if service in images:
                where = f"images/{name}/services/{place}"
                yield f"{where}: {service} has the image {images[service]} already"
            images[service] = name
    waves: dict[str, int] = {}
    for number, wave in enumerate(bundle.waves):
        for place, service in enumerate(wave.services):
            if service in waves:
                where = f"waves/{number}/services/{place}"
                yield f"{where}: {service} is in wave {waves[service] + 1} already"
            waves[service] = number


def _decided(bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    """Each variable that the bundle decides: the path that says so, its name, and what decides."""
    for name, image in bundle.images.items():
        if image.variable:
            yield f"images/{name}/variable", image.variable, name
    for name, document in bundle.documents.items():
        for variable in document.provides:
            yield f"documents/{name}/provides/{variable}", variable, name


def _checks(bundle: Bundle) -> Iterator[str]:
    """Checks that are not probes, or need what is not started yet."""
    for place, name in enumerate(bundle.checks):
        probe = bundle.probes.get(name)
        if probe is None:
            yield f"checks/{place}: no such probe {name!r}"
        elif not probe.offline:
            yield f"checks/{place}: {name!r} needs running services, so it is not a check"
