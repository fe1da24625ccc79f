"""Digests, as OCI writes them: `sha256:` and 64 lowercase hex digits. Pure.

OCI image-spec v1.1, descriptor.md#digests.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from morphops.errors import InputError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# What says which digest an image has.
_IMAGE_DIGEST = "docker buildx imagetools inspect <image>   (says its digest)"


def digest_of(data: bytes) -> str:
    """The OCI digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value: sorted keys, no white space, UTF-8, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def is_digest(text: str) -> bool:
    """Whether the text is a well-formed sha256 digest, all of it."""
    return _DIGEST.fullmatch(text) is not None


def parse_digest(
    text: str,
    what: str = "digest",
    hint: str = "inv deploy   (lists the releases that are known here)",
) -> str:
    """The digest, checked.

    Args:
        text: what was typed.
        what: what it should be the digest of.
        hint: the command that says which there are.

    Raises:
        InputError: it is malformed; the message says how.
    """
    if is_digest(text):
        return text
    if text.startswith("sha256:"):
        hexpart = text.removeprefix("sha256:")
        raise InputError(
            f"malformed {what} {text!r}: sha256: is followed by 64 lowercase hex digits, "
            f"here are {len(hexpart)} characters",
            hint=hint,
        )
    if re.fullmatch(r"[0-9a-f]{12,64}", text):
        raise InputError(
            f"{text!r} is no {what}: only sha256: and all 64 digits are accepted here",
            hint=hint,
        )
    raise InputError(
        f"{text!r} is no {what}: a tag can move, so only sha256:<64 hex> is accepted",
        hint=hint,
    )


def parse_image_digest(text: str) -> str:
    """The digest of an image, checked; see `parse_digest`."""
    return parse_digest(text, "image digest", _IMAGE_DIGEST)


def short(digest: str) -> str:
    """The first 12 hex digits of a digest: for people and for tags, never for identity."""
    return digest.removeprefix("sha256:")[:12]
