"""`inv release.create`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from morphops.adapters.store import text_file
from morphops.adapters.store.files import read_table
from morphops.core.bundle import generated
from morphops.core.bundle.schema import Bundle
from morphops.core.checks import working_tree
from morphops.core.env import parse
from morphops.core.release.digest import is_digest
from morphops.core.release.reference import ImageRef, source_fault, tag_of
from morphops.core.release.release import Release
from morphops.core.results.release import CarriedFile, ResolvedSource
from morphops.errors import ConfigError, InputError
from morphops.operations.bundle.files import yaml_file
from morphops.operations.release import carried, judge, sources
from morphops.operations.release.carried import NO_FILES, CarriedFiles
from morphops.operations.release.find import split_images
from morphops.operations.release.publish import Draft, publish, resolve_image
from morphops.operations.release.sources import with_source
from morphops.site import BUNDLE, Site

_RUNBOOKS = "runbooks"  # their folder inside of a release


@dataclass(frozen=True, slots=True)
class Created:
    """A release that was made.

    Attributes:
        release: it.
        sources: the images of other registries, compared with the last release.
        carried: what it carries for its services.
    """

    release: Release
    sources: tuple[ResolvedSource, ...]
    carried: tuple[CarriedFile, ...]


def create(
    site: Site, images: Sequence[str], labels: Sequence[str], *, frozen: bool = False
) -> Created:
    """Put a release together from the working tree and push it.

    Args:
        site: where.
        images: `name=sha256:…` or `name=repository@sha256:…`; for what is not named, the digest
            of the last build, or of the image's source. Of that `name=repository:tag` as well.
        labels: `key=value`, kept in the release.
        frozen: refuse a tag that names another image than in the last release.

    Raises:
        InputError: an unknown image, a malformed digest, an image that was not named or built;
            what can never be deployed.
        ConfigError: the bundle, the schema or a file of it is wrong.
        RegistryError, NotFound: a registry does not answer, or lacks an image.
        PreconditionError: a tag has moved, and `frozen` is given.
    """
    bundle = site.bundle
    named = _named(bundle, images, site.observer.note)
    beside = carried.read(site)
    files = working_files(site, beside)
    _refuse_same_names(files, beside)
    found = sources.resolve(site, bundle, named)
    rows = sources.compared(site, found)
    if frozen:
        sources.refuse_moved(rows)
    refs = {**_own_refs(site, named), **{source.name: source.ref for source in found}}
    resolved = {name: resolve_image(site, bundle, name, refs[name]) for name in bundle.images}
    draft = Draft(
        images=[image for image, _ in resolved.values()],
        files={**files, **beside.files},
        manifests={k: v for _, kept in resolved.values() for k, v in kept.items()},
        labels={**_revision(site), **_pairs(labels)},
        executable=beside.executable,
        sources={source.name: str(source.asked) for source in found},
    )
    judge.judge(site, publish(site, draft, store=False))
    return Created(publish(site, draft), rows, beside.rows)


def _own_refs(site: Site, named: Mapping[str, str]) -> dict[str, ImageRef]:
    """The images of the bundle's own registry, as they were named or built."""
    bundle, built = site.bundle, last_build(site)
    refs: dict[str, ImageRef] = {}
    for name, spec in bundle.images.items():
        if spec.source:
            continue
        ref = named.get(name) or built.get(name)
        if ref is None:
            raise InputError(
                f"image {name} was neither named nor built here",
                hint=f"inv build   (or --image={name}=sha256:<digest>)",
            )
        refs[name] = ImageRef.parse(ref if "@" in ref else f"{bundle.repository(name)}@{ref}")
    return refs


def _refuse_same_names(files: Mapping[str, bytes], beside: CarriedFiles) -> None:
    """Refuse a carried file under a name that the release has for something else."""
    for name, data in beside.files.items():
        if files.get(name, data) != data or generated.is_generated(name):
            raise InputError(
                f"a release has another file under the name {name}",
                state="nothing was changed",
                hint="carry it under another name",
            )


def working_files(site: Site, beside: CarriedFiles = NO_FILES) -> dict[str, bytes]:
    """The operating files of the working tree, as a release carries them.

    Args:
        site: where.
        beside: what it carries for its services.

    Raises:
        ConfigError: one that the bundle names is missing, or the schema is wrong.
    """
    bundle = site.bundle
    paths = {name: site.folder / name for name in (BUNDLE, *bundle.files(), bundle.env.schema)}
    # How the release is operated goes with it; a stack without runbooks has none here either.
    folder = site.folder / bundle.runbooks
    paths |= {f"{_RUNBOOKS}/{path.name}": path for path in sorted(folder.glob("*.md"))}
    # Of a short bundle the whole text and the env schema are derived.
    files = {name: text.encode() for name, text in site.texts.items()}
    for name, path in paths.items():
        if name in files:
            continue
        try:
            files[name] = path.read_bytes()
        except OSError as err:
            raise ConfigError(f"{path}: {err.strerror}") from None
    parse.parse_env_schema(files[bundle.env.schema].decode(), bundle.env.schema)
    texts = [yaml_file(site, site.folder / name) for name in bundle.files()]

    def text_of(name: str) -> str | None:
        path = site.folder / name
        return text_file.read(path, site.shown(path)) if name in beside.files else None

    if found := working_tree.included_lines(texts, bundle, text_of):
        raise ConfigError(
            "the compose files name files that a release does not carry",
            detail=found,
            state="nothing was changed",
            hint="name them in compose/carries of the bundle; of an env_file with secrets name the "
            "variables in compose/values; then inv bundle.check",
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


def _named(bundle: Bundle, images: Sequence[str], note: Callable[[str], None]) -> dict[str, str]:
    pairs = [text.partition("=")[::2] for text in images]
    tagged = {name: ref for name, ref in pairs if name in with_source(bundle) and _is_tagged(ref)}
    named = split_images(text for text in images if text.partition("=")[0] not in tagged)
    for name, ref in named.items():
        if tag := tag_of(ref):
            note(f"{name}: the tag {tag} is left out; the digest says which image it is")
        if name not in bundle.images:
            raise InputError(
                f"no image {name!r} in the bundle (it has: {', '.join(bundle.images)})",
                state="nothing was changed",
            )
    return {**named, **tagged}


def _is_tagged(text: str) -> bool:
    """Whether a text names an image by a tag."""
    return not ("@" in text or is_digest(text) or source_fault(text))


def _pairs(labels: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise InputError(f"{text!r}: write --label=KEY=VALUE")
        pairs[key] = value
    return pairs


def _revision(site: Site) -> dict[str, str]:
    """The commit of the working tree, where it is one."""
    revision = git(site, "rev-parse", "HEAD")
    return {"revision": revision} if revision else {}


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
