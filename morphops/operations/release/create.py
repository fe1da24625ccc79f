"""`inv release.create`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from morphops.adapters.store.files import read_table
from morphops.core.checks import working_tree
from morphops.core.env import parse
from morphops.core.release.reference import ImageRef, tag_of
from morphops.core.release.release import Release
from morphops.errors import ConfigError, InputError
from morphops.operations.bundle.files import yaml_file
from morphops.operations.release.find import split_images
from morphops.operations.release.publish import publish, resolve_image
from morphops.site import BUNDLE, Site

_RUNBOOKS = "runbooks"  # their folder inside of a release


def create(site: Site, images: Sequence[str], labels: Sequence[str]) -> Release:
    """Put a release together from the working tree and push it.

    Args:
        site: where.
        images: `name=sha256:…` or `name=repository@sha256:…`; for what is not named, the digest
            of the last build.
        labels: `key=value`, kept in the release.

    Raises:
        InputError: an unknown image, a malformed digest, an image that was not named or built.
        ConfigError: the bundle, the schema or a file of it is wrong.
        RegistryError, NotFound: the registry does not answer, or lacks an image.
    """
    bundle = site.bundle
    named = _named(bundle.images, images, site.observer.note)
    refs = {}
    built = last_build(site)
    for name in bundle.images:
        ref = named.get(name) or built.get(name)
        if ref is None:
            raise InputError(
                f"image {name} was neither named nor built here",
                hint=f"inv build   (or --image={name}=sha256:<digest>)",
            )
        refs[name] = ref if "@" in ref else f"{bundle.repository(name)}@{ref}"
    resolved = {
        name: resolve_image(site, bundle, name, ImageRef.parse(ref)) for name, ref in refs.items()
    }
    return publish(
        site,
        images=[image for image, _ in resolved.values()],
        files=working_files(site),
        manifests={k: v for _, kept in resolved.values() for k, v in kept.items()},
        labels={**({"revision": said} if (said := revision(site)) else {}), **_pairs(labels)},
    )


def working_files(site: Site) -> dict[str, bytes]:
    """The operating files of the working tree, as a release carries them.

    Raises:
        ConfigError: one that the bundle names is missing, or the schema is wrong.
    """
    bundle = site.bundle
    paths = {name: site.folder / name for name in (BUNDLE, *bundle.files(), bundle.env.schema)}
    # How the release is operated goes with it; a stack without runbooks has none here either.
    folder = site.folder / bundle.runbooks
    paths |= {f"{_RUNBOOKS}/{path.name}": path for path in sorted(folder.glob("*.md"))}
    files = {}
    for name, path in paths.items():
        try:
            files[name] = path.read_bytes()
        except OSError as err:
            raise ConfigError(f"{path}: {err.strerror}") from None
    parse.parse_env_schema(files[bundle.env.schema].decode(), bundle.env.schema)
    sources = [yaml_file(site, site.folder / name) for name in bundle.files()]
    if found := working_tree.included_lines(sources):
        raise ConfigError(
            "the compose files name files that a release does not carry",
            detail=found,
            state="nothing was changed",
            hint="write what they say into the compose file; then inv bundle.check",
        )
    return files


def last_build(site: Site) -> dict[str, str]:
    """Image name → reference of the last `inv build`.

    Raises:
        PreconditionError: the file that says so is broken.
    """
    path = site.state.root / "build.json"
    return read_table(path, hint=f"inv build   (writes it again), or remove {path}").get(
        "images", {}
    )


def _named(
    known_images: Mapping[str, Any], images: Sequence[str], note: Callable[[str], None]
) -> dict[str, str]:
    named = split_images(images)
    for name, ref in named.items():
        if tag := tag_of(ref):
            note(f"{name}: the tag {tag} is left out; the digest says which image it is")
        if name not in known_images:
            raise InputError(
                f"no image {name!r} in the bundle (it has: {', '.join(known_images)})",
                state="nothing was changed",
            )
    return named


def _pairs(labels: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InputError(f"{text!r}: write --label=KEY=VALUE")
        pairs[key] = value
    return pairs


def revision(site: Site) -> str:
    """The commit of the working tree, with `-dirty` where it has changes; empty where it has none.

    A change is one of a file that git knows, anywhere in it, or a new file in the bundle's folder.
    """
    commit = git(site, "rev-parse", "HEAD")
    changed = commit and (
        git(site, "status", "--porcelain", "--untracked-files=no")
        or git(site, "status", "--porcelain", "--", ".")
    )
    return f"{commit}-dirty" if changed else commit


def git(site: Site, *words: str) -> str:
    """What git says of the working tree; empty where there is no git or no checkout."""
    try:
        said = subprocess.run(
            ["git", "-C", str(site.folder), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
