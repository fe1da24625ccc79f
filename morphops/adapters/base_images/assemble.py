"""Base images from Debian packages, for machines that reach no public registry.

A recipe is data. The same recipe over the same packages gives the same bytes, and so the same
digest. No date, no host name and no compressor of this machine goes into them. An image, once
made, is kept under the recipe's own digest.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from morphops.adapters.base_images.rootfs import write_layer
from morphops.adapters.host import apt
from morphops.adapters.store import text_file
from morphops.core.base_images.recipe import (
    ImageRecipe,
    Recipes,
    config_json,
    key,
    manifest_json,
    merged,
)
from morphops.core.host.debian import KEYRING, SOURCES_FILE, Mirrors, parse_sources, rootfs_command
from morphops.core.release.digest import canonical_json, digest_of, short
from morphops.core.schema import parse_mapping
from morphops.errors import ConfigError, InputError, PreconditionError

if TYPE_CHECKING:
    pass


def load_recipes(path: Path) -> Recipes:
    """Read a file of base recipes.

    Raises:
        ConfigError: it is not there or does not fit; the message names the path in the file.
    """
    return parse_mapping(text_file.read(path), str(path), Recipes)


Say = Callable[[str], None]

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A made image in the store.

    Attributes:
        name: the recipe's name.
        digest: of its manifest.
        config: digest of its configuration: the image ID.
        layers: digests of its layers.
        folder: where its blobs lie, each under its digest.
        replaces: the FROM references that it stands in for.
        fresh: whether it was made now, rather than found.
    """

    name: str
    digest: str
    config: str
    layers: tuple[str, ...]
    folder: Path
    replaces: tuple[str, ...]
    fresh: bool

    def blob(self, digest: str) -> Path:
        """Where a blob of it lies."""
        return self.folder / digest.replace(":", "-")


def make(
    recipes: Recipes,
    names: tuple[str, ...] = (),
    *,
    store: Path,
    say: Say,
    refresh: bool = False,
) -> tuple[BaseImage, ...]:
    """Make base images, or find them made.

    Args:
        recipes: the recipes.
        names: which ones; all without.
        store: the folder that keeps them.
        say: told about each image that is made.
        refresh: make them again although they are there, to take in newer packages.

    Raises:
        InputError: there is no recipe of that name.
        PreconditionError: it cannot be made here; the message says why.
    """
    wanted = names or tuple(recipes.images)
    for name in wanted:
        if name not in recipes.images:
            known = ", ".join(recipes.images)
            raise InputError(f"there is no base image {name!r} (there are: {known})")
    architecture = _architecture()
    folders = {name: store / short(key(recipes, name, architecture)) for name in wanted}
    missing = [name for name in wanted if refresh or not (folders[name] / "manifest").exists()]
    if missing:
        _prepare(store, say)
        mirrors = _mirrors(recipes)
        say(f"making from packages of {recipes.suite}: {', '.join(missing)}")
        # Two at a time: each keeps one core busy while it unpacks.
        with ThreadPoolExecutor(max_workers=2) as pool:
            jobs = [
                pool.submit(_make_one, recipes, name, architecture, mirrors, folders[name])
                for name in missing
            ]
            try:
                for job in jobs:
                    job.result()
            except BaseException:
                # Also on Ctrl-C: what has not begun is not begun any more.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return tuple(
        _read(name, recipes.images[name], folders[name], fresh=name in missing) for name in wanted
    )


def _make_one(
    recipes: Recipes, name: str, architecture: str, mirrors: Mirrors, folder: Path
) -> None:
    image = recipes.images[name]
    # Beside its place, not in /tmp: the last step is a rename, and must not cross file systems.
    work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    try:
        tar, blob = work / "rootfs.tar", work / "layer"
        command = rootfs_command(
            suite=recipes.suite,
            packages=tuple(dict.fromkeys((*recipes.packages, *image.packages))),
            components=recipes.components,
            mirrors=mirrors,
            architecture=architecture,
            root=os.geteuid() == 0,
            target=str(tar),
        )
        apt.run(
            command,
            f"make the base image {name}",
            # mmdebstrap unpacks below TMPDIR: the state's disk rather than a small /tmp.
            env={"SOURCE_DATE_EPOCH": str(recipes.epoch), "TMPDIR": str(work)},
            hint="inv host.check   (disk space; and is the package mirror reached?)",
        )
        try:
            layer = write_layer(tar, blob, merged(recipes.edits, image.edits), recipes.epoch)
        except ConfigError as err:
            raise ConfigError(f"base image {name}: edits: {err.what}") from None
        tar.unlink()
        config = config_json(recipes, name, architecture, layer)
        manifest = manifest_json(config, layer)
        blob.rename(work / layer.digest.replace(":", "-"))
        (work / digest_of(config).replace(":", "-")).write_bytes(config)
        (work / "manifest").write_bytes(manifest)
        if folder.exists():
            shutil.rmtree(folder)
        work.rename(folder)
    except (OSError, tarfile.TarError) as err:
        raise PreconditionError(
            f"could not make the base image {name}: {err}",
            hint="inv host.check   (disk space and the state folder)",
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _read(name: str, image: ImageRecipe, folder: Path, *, fresh: bool) -> BaseImage:

    data = (folder / "manifest").read_bytes()
    manifest = json.loads(data)
    return BaseImage(
        name,
        digest_of(data),
        manifest["config"]["digest"],
        tuple(layer["digest"] for layer in manifest["layers"]),
        folder,
        image.replaces,
        fresh,
    )


def _prepare(store: Path, say: Say) -> None:
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise PreconditionError(
            f"the folder for base images cannot be made: {store}: {err.strerror}",
            hint="set MORPHOPS_STATE to a folder that you may write to",
        ) from None
    apt.ensure("mmdebstrap", "mmdebstrap", say)
    if not Path(KEYRING).exists():  # as on Ubuntu
        apt.need_root("install debian-archive-keyring")
        say("installing debian-archive-keyring")
        apt.install(("debian-archive-keyring",))


def _mirrors(recipes: Recipes) -> Mirrors:
    try:
        found = parse_sources(Path(SOURCES_FILE).read_text(encoding="utf-8"))
    except OSError:
        found = Mirrors("", "")
    return Mirrors(found.archive or recipes.mirror.rstrip("/"), found.security)


def _architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise PreconditionError(f"base images can be made on x86_64 and aarch64, not on {machine}")
    return _ARCHITECTURES[machine]


def archive(image: BaseImage, tag: str) -> Iterator[bytes]:
    """The image in the form that `docker load` reads, piece by piece."""
    index = canonical_json(
        [
            {
                "Config": f"{image.config.removeprefix('sha256:')}.json",
                "RepoTags": [tag],
                "Layers": [f"{layer.removeprefix('sha256:')}/layer.tar" for layer in image.layers],
            }
        ]
    )
    members: list[tuple[str, Path | bytes]] = [("manifest.json", index)]
    members.append((f"{image.config.removeprefix('sha256:')}.json", image.blob(image.config)))
    members += [(f"{d.removeprefix('sha256:')}/layer.tar", image.blob(d)) for d in image.layers]
    for name, content in members:
        info = tarfile.TarInfo(name)
        info.size = len(content) if isinstance(content, bytes) else content.stat().st_size
        yield info.tobuf()
        if isinstance(content, bytes):
            yield content
        else:
            with content.open("rb") as file:
                while chunk := file.read(1 << 20):
                    yield chunk
        yield bytes(-info.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)
