"""`inv image.base`: base images from distribution packages."""

from __future__ import annotations

from pathlib import Path

from morphops.adapters.base_images import assemble, push
from morphops.core.base_images.recipe import Recipes
from morphops.core.bundle.schema import BuildSpec
from morphops.core.results.image import BaseImages
from morphops.errors import ConfigError, MorphopsError
from morphops.site import Site


def make_bases(site: Site, *, refresh: bool = False) -> BaseImages:
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
    recipes = base_recipes(site, build_spec(site))
    store = site.state.root / "bases"
    if refresh and not store.exists() and site.builder.reaches_public_registry():
        return BaseImages(state="not needed", images={}, replaces={})
    site.registry.ping()
    site.state.ensure()
    images = assemble.make(recipes, store=store, say=site.observer.note, refresh=refresh)
    refs = {}
    for image in images:
        ref = push.push(
            image,
            registry=site.bundle.registry,
            repository=f"{site.bundle.project}/base-{image.name}",
            say=site.observer.note,
        )
        refs[image.name] = str(ref)
    replaces = {reference: refs[image.name] for image in images for reference in image.replaces}
    return BaseImages(state="built", images=refs, replaces=replaces)


def unused_bases(site: Site) -> tuple[Path, ...]:
    """The folders of base images in the state folder that no recipe makes any more.

    None where the recipes cannot be read: what is of use is not known then.
    """
    spec = site.bundle.build
    if spec is None or not spec.bases:
        return ()
    try:
        return assemble.unused(base_recipes(site, spec), site.state.root / "bases")
    except MorphopsError:
        return ()


def build_spec(site: Site) -> BuildSpec:
    if site.bundle.build is None:
        raise ConfigError(
            "bundle.yaml: build: is missing, so there is nothing to build",
            state="nothing was changed",
            hint="push the images by whatever builds them, then "
            "inv release.create --image=NAME=REPOSITORY@sha256:…",
        )
    return site.bundle.build


def base_recipes(site: Site, spec: BuildSpec) -> Recipes:
    if not spec.bases:
        raise ConfigError("bundle.yaml: build/bases: is missing, so no base can be made")
    return assemble.load_recipes(site.folder / spec.bases)
