"""`inv build`."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from morphops.core.bundle.schema import BuildSpec
from morphops.core.release.digest import canonical_json
from morphops.core.requests import BuildRequest, BuiltImage
from morphops.core.results.build import Build
from morphops.operations.image import built_here, compose_build
from morphops.operations.image.base import build_spec, make_bases
from morphops.operations.release.create import git, revision
from morphops.site import Site


def build(site: Site, *, version: str = "", push: bool = True) -> Build:
    """Build the images, push them, and remember their digests for `release.create`.

    Args:
        site: where.
        version: the label `org.opencontainers.image.version`; what git says where it is empty.
        push: push them to the bundle's registry; what is not pushed cannot be released.

    Raises:
        ConfigError: the bundle builds nothing, or Compose refuses its files.
        ConfigError: a Dockerfile, or a command in it, failed; with its last lines.
        EngineCallFailed: the build failed otherwise; likewise.
        RegistryError: the registry does not answer.
    """
    # Without a bake file, a target is a service whose image the release sets.
    wanted = {
        image.target: name
        for name, image in site.bundle.images.items()
        if image.target and (site.bundle.build is not None or image.services)
    }
    spec = _spec(site, wanted)
    if push:
        site.registry.ping()
    found = version or git(site, "describe", "--tags", "--always", "--dirty") or "0"
    request = BuildRequest(
        file=site.folder / spec.file,
        folder=site.folder / spec.context,
        project=site.bundle.project,
        registry=site.bundle.registry,
        version=found,
        revision=revision(site) or "unknown",
        source=_without_credentials(git(site, "remote", "get-url", "origin")),
        bases=_bases(site, spec),
        ca_file=site.builder.trusted_certificates(),
        targets=tuple(wanted),
        push=push,
    )
    built = _baked(site, request, wanted)
    images = {
        wanted[target]: f"{site.bundle.repository(wanted[target])}@{image.digest}"
        for target, image in built.items()
        if target in wanted
    }
    built_here.remember(site, built.values())
    if push:
        site.state.write(site.state.root / "build.json", canonical_json({"images": images}))
    return Build(images=images, pushed=push)


def _spec(site: Site, wanted: Mapping[str, str]) -> BuildSpec:
    """What the images are built from: the bake file, else the first compose file."""
    if site.bundle.build is not None or not wanted:
        return build_spec(site)
    first = site.bundle.compose.files[0]
    return BuildSpec(file=first, context=posixpath.dirname(first) or ".")


def _baked(
    site: Site, request: BuildRequest, wanted: Mapping[str, str]
) -> Mapping[str, BuiltImage]:
    """Target → what was built."""
    if site.bundle.build is not None:
        return site.builder.bake(request, site.observer.note)
    tag = re.sub(r"[^A-Za-z0-9_.-]", "-", request.version).lstrip(".-")[:128] or "0"
    tags = {target: f"{site.bundle.repository(name)}:{tag}" for target, name in wanted.items()}
    with compose_build.bake_file(site, wanted) as path:
        return site.builder.bake(replace(request, file=path, tags=tags), site.observer.note)


def _bases(site: Site, spec: BuildSpec) -> Mapping[str, str]:
    """FROM reference → the image to take instead; empty where the public ones are reached."""
    if not spec.bases or site.builder.reaches_public_registry():
        return {}
    site.observer.note("no public registry is reached: bases are made from packages")
    return make_bases(site).replaces


def _without_credentials(url: str) -> str:
    """A remote's URL for a label; what stands before the @ may be a password."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
