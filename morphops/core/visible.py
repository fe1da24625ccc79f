"""Texts of others as text: what would steer a terminal is shown, and does not act. Pure.

A container's log, a release's label and a reason are written by others. An escape sequence in them
can clear the screen of the operator and write that all is well.
"""

from __future__ import annotations

import re

# C0 but tab and line feed, DEL, C1 (ECMA-48); what changes the direction of a line (Unicode,
# UAX 9); separators that some terminals take for a line's end.
_STEERS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def visible(text: str) -> str:
    r"""The text with each character that steers as what it is: `\x1b`."""
    return _STEERS.sub(lambda found: _shown(ord(found[0])), text)


def in_json(text: str) -> str:
    r"""A JSON text in which such characters stand as `\u009b`, which says the same to a reader."""
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _shown(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
