"""Use cases that make images: build, image.base, registry.up and registry.down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from morphops import base_image, base_push
from morphops.app.releases import git
from morphops.app.site import Site
from morphops.bundle import BuildSpec
from morphops.docker import bake, local_registry
from morphops.errors import ConfigError, InputError, PreconditionError
from morphops.model import canonical_json

_REGISTRY_RECIPE = "registry"


def build(site: Site, *, version: str = "", push: bool = True) -> dict[str, Any]:
    """Build the images, push them, and remember their digests for `release.create`.

    Args:
        site: where.
        version: the label `org.opencontainers.image.version`; what git says where it is empty.
        push: push them to the bundle's registry; what is not pushed cannot be released.

    Raises:
        ConfigError: the bundle builds nothing.
        EngineCallFailed: the build failed; with its last lines.
        RegistryError: the registry does not answer.
    """
    spec = _spec(site)
    wanted = {image.target: name for name, image in site.bundle.images.items() if image.target}
    if push:
        site.registry.ping()
    digests = bake.bake(
        site.docker,
        file=site.folder / spec.file,
        folder=site.folder / spec.context,
        project=site.bundle.project,
        registry=site.bundle.registry,
        version=version or git(site, "describe", "--tags", "--always", "--dirty") or "0",
        revision=git(site, "rev-parse", "HEAD") or "unknown",
        source=_without_credentials(git(site, "remote", "get-url", "origin")),
        bases=_bases(site, spec),
        ca_file=bake.host_ca(),
        targets=tuple(wanted),
        push=push,
        say=site.observer.note,
        redact=site.redact,
    )
    images = {
        wanted[target]: f"{site.bundle.repository(wanted[target])}@{digest}"
        for target, digest in digests.items()
        if target in wanted
    }
    if push:
        site.state.write(site.state.root / "build.json", canonical_json({"images": images}))
    return {"state": "built", "images": images, "pushed": push}


def make_bases(site: Site, *, refresh: bool = False) -> dict[str, Any]:
    """Make the base images from distribution packages, and push them.

    Args:
        site: where.
        refresh: make them again, to take in newer packages. Where a public registry is reached and
            none was ever made here, nothing needs them, and nothing is made.

    Raises:
        ConfigError: the bundle has no recipes.
        PreconditionError: they cannot be made here.
        RegistryError: the registry does not answer.
    """
    recipes = _recipes(site, _spec(site))
    store = site.state.root / "bases"
    if refresh and not store.exists() and bake.public_registry_answers():
        return {"state": "not needed", "images": {}, "replaces": {}}
    site.registry.ping()
    site.state.ensure()
    images = base_image.make(recipes, store=store, say=site.observer.note, refresh=refresh)
    refs = {}
    for image in images:
        ref = base_push.push(
            image,
            registry=site.bundle.registry,
            repository=f"{site.bundle.project}/base-{image.name}",
            say=site.observer.note,
        )
        refs[image.name] = str(ref)
    replaces = {reference: refs[image.name] for image in images for reference in image.replaces}
    return {"state": "built", "images": refs, "replaces": replaces}


def registry_up(site: Site) -> dict[str, Any]:
    """Start the local registry on loopback, or find it running.

    Its image is pulled where a public registry is reached, and made from packages elsewhere, by the
    bundle's recipe; nothing of that is asked for where it runs. Where the bundle's registry is not
    on this machine, there is nothing to start.

    Raises:
        InputError: its address has no port.
        PreconditionError: its port is somebody else's, or there is no way to its image.
    """
    if not is_local(site.bundle.registry):
        return _registry_elsewhere(site)
    host, port = _address(site)
    name = _registry_name(port)

    def image() -> str:
        spec = site.bundle.build
        recipes = _recipes(site, spec) if spec is not None and spec.bases else None
        recipe = recipes.images.get(_REGISTRY_RECIPE) if recipes else None
        if bake.public_registry_answers():
            public = recipe.replaces[0] if recipe else local_registry.PUBLIC_IMAGE
            with site.docker.call(f"pull {public}", 300):
                site.docker.client(300).image.pull(public, quiet=True)
            return public
        if recipes is None or recipe is None:
            raise PreconditionError(
                "no public registry is reached, and the bundle has no recipe to make a registry "
                f"from (build/bases, images/{_REGISTRY_RECIPE})",
                state="nothing was changed",
                hint=f"start one by yourself on {site.bundle.registry}, or use another: "
                "MORPHOPS_REGISTRY=host[:port]",
            )
        site.state.ensure()
        (made,) = base_image.make(
            recipes,
            (_REGISTRY_RECIPE,),
            store=site.state.root / "bases",
            say=site.observer.note,
        )
        return base_image.load(site.docker, made, f"morphops/{_REGISTRY_RECIPE}:local")

    there = local_registry.up(site.docker, image=image, host=host, port=port, name=name)
    return _registry_view(there)


def registry_down(site: Site, *, delete_data: bool = False) -> dict[str, Any]:
    """Stop the local registry; its data stays unless told otherwise.

    Where the bundle's registry is not on this machine, there is nothing to stop.

    Raises:
        InputError: its data is to be deleted, and is not on this machine; its address has no port.
    """
    if not is_local(site.bundle.registry) and not delete_data:
        return _registry_elsewhere(site)
    _, port = _address(site)
    there = local_registry.down(site.docker, name=_registry_name(port), delete_data=delete_data)
    return _registry_view(there)


def is_local(registry: str) -> bool:
    """Whether a registry address is on this machine."""
    return base_push.is_loopback(registry)


def _bases(site: Site, spec: BuildSpec) -> Mapping[str, str]:
    """FROM reference → the image to take instead; empty where the public ones are reached."""
    if not spec.bases or bake.public_registry_answers():
        return {}
    site.observer.note("no public registry is reached: bases are made from packages")
    replaces: dict[str, str] = make_bases(site)["replaces"]
    return replaces


def _spec(site: Site) -> BuildSpec:
    if site.bundle.build is None:
        raise ConfigError(
            "bundle.yaml: build: is missing, so there is nothing to build",
            state="nothing was changed",
            hint="push the images by whatever builds them, then "
            "inv release.create --image=NAME=REPOSITORY@sha256:…",
        )
    return site.bundle.build


def _recipes(site: Site, spec: BuildSpec) -> base_image.Recipes:
    if not spec.bases:
        raise ConfigError("bundle.yaml: build/bases: is missing, so no base can be made")
    return base_image.load_recipes(site.folder / spec.bases)


def _address(site: Site) -> tuple[str, int]:
    host, _, port = site.bundle.registry.rpartition(":")
    if not host or not port.isdigit() or not is_local(site.bundle.registry):
        raise InputError(
            f"the registry {site.bundle.registry} is not local, or has no port",
            state="nothing was changed",
            hint="name one on this machine: MORPHOPS_REGISTRY=127.0.0.1:5000",
        )
    return host, int(port)


def _registry_elsewhere(site: Site) -> dict[str, Any]:
    return {
        "state": "elsewhere",
        "address": site.bundle.registry,
        "container": "",
        "volume": "",
        "deleted": False,
    }


def _registry_name(port: int) -> str:
    return f"morphops-registry-{port}"


def _registry_view(there: local_registry.LocalRegistry) -> dict[str, Any]:
    return {
        "state": there.state,
        "address": there.address,
        "container": there.container,
        "volume": there.volume,
        "deleted": there.deleted,
    }


def _without_credentials(url: str) -> str:
    """A remote's URL for a label; what stands before the @ is nobody's business."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
