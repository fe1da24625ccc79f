"""Platforms as OCI writes them: `os/architecture[/variant]`.

OCI image-spec v1.1, image-index.md, "platform"; the words are those of Go's GOOS and GOARCH.
"""

from __future__ import annotations

import re

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9_.]+)?")

# What `uname -m` says of a machine, and the word that images have for it. An engine's own report of
# its machine is one or the other (containerd/platforms, database.go, "normalizeArch").
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm/v7",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "armel": "arm/v6",
    "i386": "386",
    "i686": "386",
}

# The variant that is meant where none is named (containerd/platforms, "Normalize").
_DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7"}


def is_platform(text: str) -> bool:
    """Whether a text is `os/architecture[/variant]`."""
    return _PLATFORM.fullmatch(text) is not None


def platform_name(os: str, architecture: str, variant: str = "") -> str:
    """`os/architecture[/variant]` from its parts; empty where the first two are not there."""
    if not os or not architecture:
        return ""
    known = _ARCHITECTURES.get(architecture.lower(), architecture.lower())
    return "/".join(part for part in (os.lower(), known, variant) if part)


def fits(wanted: str, found: str) -> bool:
    """Whether an image for `found` runs where images for `wanted` do.

    A variant that one of them leaves out is the default of its architecture. A 32-bit ARM runs what
    is for an older variant.
    """
    os, architecture, variant = _parts(wanted)
    if (os, architecture) != _parts(found)[:2]:
        return False
    older = architecture == "arm" and _parts(found)[2] < variant
    return older or _parts(found)[2] == variant


def _parts(platform: str) -> tuple[str, str, str]:
    os, architecture, variant = (*platform.split("/"), "", "")[:3]
    return os, architecture, variant or _DEFAULT_VARIANTS.get(architecture, "")
