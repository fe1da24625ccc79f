"""What a base image consists of, as data, and the canonical bytes that follow from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from morphops.core.release.digest import canonical_json, digest_of


@dataclass(frozen=True, slots=True)
class Layer:
    """A written layer.

    Attributes:
        digest: of the file as it is stored (gzip).
        size: of that file.
        diff_id: digest of the tar inside of it.
    """

    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What a recipe changes in the unpacked packages. Paths are absolute, as in the image.

    Attributes:
        remove: glob patterns (`*` crosses `/`); a directory goes with all that is below it.
        keep: glob patterns that win over `remove`.
        unpack: zip file in the tree (a glob that matches one) → folder that gets its contents.
        concat: new file → glob of the files that it is made of, in the order of their names.
        files: new file → its text.
        executable: which of `files` get mode 0755.
        links: new symbolic link → its target.
        folders: new or existing folder → mode and owner, `"1777"` or `"0755 10001:10001"`.
    """

    remove: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    unpack: Mapping[str, str] = field(default_factory=dict)
    concat: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)


OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

OCI_CONFIG = "application/vnd.oci.image.config.v1+json"

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

# Part of the cache's key: raise it when the same recipe has to give other bytes.
_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecipe:
    """What one image has beyond what all have.

    Attributes:
        replaces: FROM references, exactly as Dockerfiles write them, that it stands in for.
        packages, edits, env: added to the common ones.
        entrypoint, cmd, user, workdir, ports, volumes, stop_signal: as in a Dockerfile.
    """

    packages: tuple[str, ...]
    replaces: tuple[str, ...] = ()
    edits: Edits = field(default_factory=Edits)
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipes:
    """The whole of a file of base recipes.

    Attributes:
        schema: the format's version.
        suite: the Debian release that the packages come from.
        mirror: the archive, where the distribution's own sources name none.
        components: of the archive.
        epoch: the time of every file, in seconds since 1970.
        packages, edits, env: common to all images.
        images: by name.
    """

    schema: Literal[1]
    suite: str
    mirror: str
    epoch: int
    packages: tuple[str, ...]
    images: Mapping[str, ImageRecipe]
    components: tuple[str, ...] = ("main",)
    edits: Edits = field(default_factory=Edits)
    env: Mapping[str, str] = field(default_factory=dict)

    def replacing(self, reference: str) -> str:
        """The name of the image that stands in for a FROM reference; empty where none does."""
        return next((n for n, image in self.images.items() if reference in image.replaces), "")


def key(recipes: Recipes, name: str, architecture: str) -> str:
    """The digest that an image is kept under: of all that decides its bytes but the packages."""
    image = recipes.images[name]
    whole = asdict(recipes) | {"images": {name: asdict(image) | {"replaces": ()}}, "mirror": ""}
    return digest_of(canonical_json([_FORMAT, architecture, whole]))


def config_json(recipes: Recipes, name: str, architecture: str, layer: Layer) -> bytes:
    """An image's configuration (OCI image-spec v1.1, config.md), without any date."""
    image = recipes.images[name]
    env = {**recipes.env, **image.env}
    settings: dict[str, Any] = {
        "Env": [f"{variable}={value}" for variable, value in env.items()],
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.cmd),
        "User": image.user,
        "WorkingDir": image.workdir,
        "ExposedPorts": {port: {} for port in image.ports},
        "Volumes": {volume: {} for volume in image.volumes},
        "StopSignal": image.stop_signal,
    }
    return canonical_json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {name: value for name, value in settings.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
            "history": [{"created_by": f"packages of {recipes.suite}: {name}"}],
        }
    )


def manifest_json(config: bytes, layer: Layer) -> bytes:
    """An image's manifest (OCI image-spec v1.1, manifest.md)."""
    return canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": OCI_CONFIG,
                "digest": digest_of(config),
                "size": len(config),
            },
            "layers": [{"mediaType": OCI_LAYER, "digest": layer.digest, "size": layer.size}],
        }
    )


def merged(common: Edits, own: Edits) -> Edits:
    """The common edits and an image's own, which win."""
    return Edits(
        remove=common.remove + own.remove,
        keep=common.keep + own.keep,
        unpack={**common.unpack, **own.unpack},
        concat={**common.concat, **own.concat},
        files={**common.files, **own.files},
        executable=common.executable + own.executable,
        links={**common.links, **own.links},
        folders={**common.folders, **own.folders},
    )
