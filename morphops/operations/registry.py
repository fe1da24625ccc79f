"""`inv registry.up` and `registry.down`."""

from __future__ import annotations

from morphops.adapters.base_images import assemble
from morphops.core.release import reference
from morphops.core.results.registry import RegistryInfo
from morphops.errors import InputError, PreconditionError
from morphops.operations.image.base import base_recipes
from morphops.site import Site

_REGISTRY_RECIPE = "registry"


def registry_up(site: Site) -> RegistryInfo:
    """Start the local registry on loopback, or find it running.

    Its image is pulled where a public registry is reached; elsewhere it is made from packages, by
    the bundle's recipe. A registry that runs already needs neither. Where the bundle's registry is
    not on this machine, there is nothing to start.

    Raises:
        InputError: its address has no port.
        PreconditionError: its port is used by something else, or there is no way to its image.
    """
    if not is_local(site.bundle.registry):
        return _registry_elsewhere(site)
    host, port = _address(site)
    name = _registry_name(port)

    def image() -> str:
        spec = site.bundle.build
        recipes = base_recipes(site, spec) if spec is not None and spec.bases else None
        recipe = recipes.images.get(_REGISTRY_RECIPE) if recipes else None
        if site.builder.reaches_public_registry():
            return site.local_registry.pull(recipe.replaces[0] if recipe else "")
        if recipes is None or recipe is None:
            raise PreconditionError(
                "no public registry is reached, and the bundle has no recipe to make a registry "
                f"from (build/bases, images/{_REGISTRY_RECIPE})",
                state="nothing was changed",
                hint=f"start one by yourself on {site.bundle.registry}, or use another: "
                "MORPHOPS_REGISTRY=host[:port]",
            )
        site.state.ensure()
        (made,) = assemble.make(
            recipes,
            (_REGISTRY_RECIPE,),
            store=site.state.root / "bases",
            say=site.observer.note,
        )
        tag = f"morphops/{_REGISTRY_RECIPE}:local"
        return site.local_registry.load(tag, made.config, assemble.archive(made, tag))

    return site.local_registry.start(image, host=host, port=port, name=name)


def registry_down(site: Site, *, delete_data: bool = False) -> RegistryInfo:
    """Stop the local registry; its data stays unless told otherwise.

    Where the bundle's registry is not on this machine, there is nothing to stop.

    Raises:
        InputError: its data is to be deleted, and is not on this machine; its address has no port.
    """
    if not is_local(site.bundle.registry) and not delete_data:
        return _registry_elsewhere(site)
    _, port = _address(site)
    return site.local_registry.stop(name=_registry_name(port), delete_data=delete_data)


def is_local(registry: str) -> bool:
    """Whether a registry address is on this machine."""
    return reference.is_loopback(registry)


def _address(site: Site) -> tuple[str, int]:
    host, _, port = site.bundle.registry.rpartition(":")
    if not host or not port.isdigit() or not is_local(site.bundle.registry):
        raise InputError(
            f"the registry {site.bundle.registry} is not local, or has no port",
            state="nothing was changed",
            hint="name one on this machine: MORPHOPS_REGISTRY=127.0.0.1:5000",
        )
    return host, int(port)


def _registry_elsewhere(site: Site) -> RegistryInfo:
    return RegistryInfo(state="elsewhere", address=site.bundle.registry)


def _registry_name(port: int) -> str:
    return f"morphops-registry-{port}"
