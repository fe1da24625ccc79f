"""Digests, as OCI writes them: `sha256:` and 64 lowercase hex digits.

OCI image-spec v1.1, descriptor.md#digests.

There is one rule for a digest that a person shortens. A command that looks at something known here,
pins it or goes back to it takes the first 12 hex digits or more (`expand_digest`). A command that
brings what runs takes all 64 (`parse_digest`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

from morphops.errors import InputError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# What a person may type for a digest that is known here; `sha256:` may be left out.
_SHORTENED = re.compile(r"[0-9a-f]{12,64}")

_SHORTEST = 12

_CANONICAL = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)

# What says which digest an image has.
_IMAGE_DIGEST = "docker buildx imagetools inspect <image>   (says its digest)"


def digest_of(data: bytes) -> str:
    """The OCI digest of some bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def canonical_json(value: object) -> bytes:
    """The one byte form of a JSON value: sorted keys, no white space, UTF-8, no NaN."""
    return _CANONICAL.encode(value).encode()


def is_digest(text: str) -> bool:
    """Whether the text is a well-formed sha256 digest, all of it."""
    return _DIGEST.fullmatch(text) is not None


def expand_digest(text: str, known: Iterable[str], what: str, hint: str) -> str:
    """The known digest that a text is the beginning of; empty where it begins none of them.

    Args:
        text: 12 hex digits or more; `sha256:` before them may be left out.
        known: the digests to choose from, each with `sha256:` or each without.
        what: what the digest names, for messages (`release digest`).
        hint: the command that lists what is known.

    Raises:
        InputError: the text is not that, or it begins several of the known digests.
    """
    digits = text.removeprefix("sha256:")
    if not _SHORTENED.fullmatch(digits):
        raise InputError(
            f"malformed {what} {text!r}: write {_SHORTEST} lowercase hex digits or more",
            state="nothing was changed",
            hint=hint,
        )
    matching = _beginning_with(digits, known)
    if len(matching) > 1:
        raise InputError(
            f"{text!r} is the beginning of several: {', '.join(matching)}",
            state="nothing was changed",
            hint=f"write more digits of the {what}",
        )
    return matching[0] if matching else ""


def expand_known(text: str, known: Iterable[str], what: str, hint: str) -> str:
    """The digest that a text means: all of it, or the beginning of a known one.

    Args:
        text, known, what, hint: see `expand_digest`; a whole digest need not be known.

    Raises:
        InputError: as for `expand_digest`, or nothing that is known begins with it.
    """
    if is_digest(text):
        return text
    if found := expand_digest(text, known, what, hint):
        return found
    raise InputError(
        f"no {what} that is known here begins with {text!r}",
        state="nothing was changed",
        hint=hint,
    )


def parse_digest(
    text: str,
    what: str = "digest",
    hint: str = "inv deploy   (lists the releases that are known here)",
    known: Iterable[str] = (),
) -> str:
    """The digest, checked; all of it must be there.

    Args:
        text: what was typed.
        what: what it should be the digest of.
        hint: the command that says which there are.
        known: digests that a shortened one may have been meant for; the error names the one.

    Raises:
        InputError: it is malformed; the message says how.
    """
    if is_digest(text):
        return text
    digits = text.removeprefix("sha256:")
    shortened = _SHORTENED.fullmatch(digits) is not None
    meant = _beginning_with(digits, known) if shortened else ()
    if len(meant) == 1:
        raise InputError(
            f"{text!r} is a shortened {what}, and all of it is needed here",
            state="nothing was changed",
            hint=f"if you mean that one: {meant[0]}",
        )
    if is_digest(f"sha256:{text}"):
        raise InputError(
            f"{text!r} is a {what} without its beginning",
            state="nothing was changed",
            hint=f"write it as sha256:{text}",
        )
    why = "a tag can move, so only sha256:<64 hex> is accepted"
    if text.startswith("sha256:"):
        why = f"sha256: is followed by 64 lowercase hex digits, here are {len(digits)} characters"
    elif shortened:
        why = "only sha256: and all 64 digits are accepted here"
    raise InputError(f"malformed {what} {text!r}: {why}", hint=hint)


def parse_image_digest(text: str, known: Iterable[str] = ()) -> str:
    """The digest of an image, checked; see `parse_digest`."""
    return parse_digest(text, "image digest", _IMAGE_DIGEST, known)


def short(digest: str) -> str:
    """The first 12 hex digits of a digest: for people and for tags, never for identity."""
    return digest.removeprefix("sha256:")[:_SHORTEST]


def _beginning_with(digits: str, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({d for d in known if d.removeprefix("sha256:").startswith(digits)}))
