"""Reads `WWW-Authenticate` (RFC 9110, 11.6.1). Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# What RFC 9110 calls a token.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))')
_SCHEME = re.compile(rf"({_WORD})(?:\s+[A-Za-z0-9._~+/-]+=*(?=\s*(?:,|$)))?")


@dataclass(frozen=True, slots=True)
class Challenge:
    """How a server wants to be told who asks.

    Attributes:
        scheme: in lower case.
        parameters: names in lower case.
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(header: str) -> tuple[Challenge, ...]:
    """Read all challenges of a header; what does not follow the grammar ends the reading."""
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while True:
        while at < len(header) and header[at] in " \t,":
            at += 1
        # A parameter of the challenge before, else a new scheme.
        if found and (match := _PARAMETER.match(header, at)):
            quoted, plain = match[2], match[3]
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(match[1].lower(), value)
        elif match := _SCHEME.match(header, at):
            found.append((match[1].lower(), {}))
        else:
            break
        at = match.end()
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)
