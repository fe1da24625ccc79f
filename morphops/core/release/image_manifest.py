"""What a release records of an image: its manifests, and the platform that it is for.

OCI image-spec v1.1: image-index.md, manifest.md, config.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morphops.core.release.artifact import RELEASE, check_bytes, is_index, parse_json
from morphops.core.release.platform import fits, platform_name
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image
from morphops.errors import InputError, IntegrityError

_ENTRIES = 16  # of an index, whose platforms are looked up where it does not say them


def describe_image(
    name: str,
    ref: ImageRef,
    platform: str,
    *,
    manifest: Callable[[str], bytes],
    blob: Callable[[str], bytes],
) -> tuple[Image, Mapping[str, bytes]]:
    """What a release records of an image.

    Args:
        name: the image's name in the bundle.
        ref: what is pulled.
        platform: `os/architecture[/variant]` that it must be for.
        manifest: digest → bytes of a manifest or index.
        blob: digest → bytes of a configuration; asked for an image that is not behind an index.

    Returns:
        the image, and the bytes of its manifest and index by digest.

    Raises:
        InputError: it is not an image, or not for this platform.
        IntegrityError: bytes are not what names them.
    """
    try:
        return _described(name, ref, platform, manifest, blob)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as err:
        raise IntegrityError(f"{ref} is malformed: {err!r}", state="nothing was changed") from None


def _described(
    name: str,
    ref: ImageRef,
    platform: str,
    manifest: Callable[[str], bytes],
    blob: Callable[[str], bytes],
) -> tuple[Image, Mapping[str, bytes]]:
    data = manifest(ref.digest)
    check_bytes(ref.digest, data, f"the manifest of {name}")
    document = parse_json(data, str(ref))
    kept = {ref.digest: data}
    if not is_index(document):
        config = _config_of(document, ref)
        found = _platform_of(config, blob(config), ref)
        if not fits(platform, found):
            raise _other_platform(str(ref), platform, [found])
        return Image(name, ref, ref.digest, config, found), kept
    document = _with_platforms(document, ref, manifest, blob)
    chosen, found = choose_platform(document, platform, str(ref))
    data = manifest(chosen)
    check_bytes(chosen, data, f"the {found} manifest of {name}")
    kept[chosen] = data
    return Image(name, ref, chosen, _config_of(parse_json(data, str(ref)), ref), found), kept


def _with_platforms(
    index: Mapping[str, Any],
    ref: ImageRef,
    manifest: Callable[[str], bytes],
    blob: Callable[[str], bytes],
) -> Mapping[str, Any]:
    """An index whose entries name their platform, which is optional there (OCI image-index).

    Of one that does not, the configuration says it. Attestations have none.
    """
    entries = list(index.get("manifests") or ())
    for place, entry in enumerate(entries[:_ENTRIES]):
        if entry.get("platform") or entry.get("annotations") or entry.get("artifactType"):
            continue
        digest = str(entry["digest"])
        data = manifest(digest)
        check_bytes(digest, data, f"a manifest of {ref}")
        document = parse_json(data, str(ref))
        if is_index(document) or not isinstance(document.get("config"), Mapping):
            continue
        config = _config_of(document, ref)
        os, architecture, *variant = _platform_of(config, blob(config), ref).split("/")
        spec = {"os": os, "architecture": architecture, "variant": "".join(variant)}
        entries[place] = {**entry, "platform": spec}
    return {**index, "manifests": entries}


def choose_platform(index: Mapping[str, Any], platform: str, where: str) -> tuple[str, str]:
    """The one manifest of an index that is for a platform: its digest, and its platform.

    Attestations stand in an index as `unknown/unknown` and are not chosen.

    Args:
        index: the index.
        platform: `os/architecture[/variant]`.
        where: the index's name, for messages.

    Raises:
        InputError: there is none; it lists those that there are.
    """
    found = {}
    for entry in index.get("manifests") or ():
        spec = entry.get("platform") or {}
        if name := _platform_name(spec):
            found[name] = str(entry["digest"])
    variants = [name for name in found if name.startswith(f"{platform}/")]
    if platform in found:
        chosen = platform
    elif fitting := [name for name in found if fits(platform, name)]:
        chosen = max(fitting)  # of older variants the newest
    elif len(variants) == 1:
        chosen = variants[0]
    else:
        raise _other_platform(where, platform, sorted(found))
    return found[chosen], chosen


def _platform_name(spec: Mapping[str, Any]) -> str:
    """The platform that an index's entry or a configuration names; empty where it names none."""
    parts = (str(spec.get(key) or "") for key in ("os", "architecture", "variant"))
    name = platform_name(*parts)
    return "" if name.startswith("unknown") else name


def _config_of(document: Mapping[str, Any], ref: ImageRef) -> str:
    config = document.get("config")
    if not isinstance(config, Mapping) or document.get("artifactType") == RELEASE:
        raise InputError(f"{ref} is not an image", hint="name the digest of an image")
    return str(config["digest"])


def _platform_of(digest: str, config: bytes, ref: ImageRef) -> str:
    check_bytes(digest, config, f"the configuration of {ref}")
    if name := _platform_name(parse_json(config, f"the configuration of {ref}")):
        return name
    raise InputError(
        f"{ref} is not an image: its configuration names no platform",
        hint="name the digest of an image",
    )


def _other_platform(where: str, wanted: str, found: list[str]) -> InputError:
    there = f"it is for: {', '.join(found)}" if found else "it names no platform"
    return InputError(
        f"{where} is not for {wanted} ({there})",
        state="nothing was changed",
        hint=f"name an image that is for {wanted}; or set `platform:` in the bundle",
    )
