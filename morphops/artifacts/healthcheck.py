"""Whether a health check proves anything. Pure.

A check that only asks whether a port answers is passed by an error page, by another program on the
port, and by a service that is up and has nothing to serve. A real one looks at what it was told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

Weakness: TypeAlias = Literal["", "missing", "toothless", "shallow"]

_NOTHING = r"(?:(?:/usr)?/bin/)?true|:|exit\s+0"
_ALWAYS = re.compile(
    rf"({_NOTHING}|(echo|sleep|printf|pgrep|pidof|ps|ls)\b[^;&|]*|python3?\s+-c\s+['\"]?pass['\"]?)"
)
_FORGIVES = re.compile(
    rf"(\|\||;|&&|\n)\s*({_NOTHING})\s*$"  # whatever came before
    rf"|^\s*({_NOTHING})\s*\|\|"  # what comes after is never tried
    r"|\bin\s+\(?\*\)\s*(exit\s+0|true|:|;;)"  # any answer is the expected one
)
_CONSTANT = re.compile(
    r"(test\s+|\[\s+)(-[a-z]\s+/(etc|bin|usr|lib|proc|dev)\S*|(\S+)\s+(=|==|-eq)\s+\4)(\s+\])?"
)
_ASKS = re.compile(r"\b(curl|wget|nc|telnet)\b|/dev/tcp/")
_LOOKS = re.compile(r"\b(case|grep|test|jq|cmp|diff|awk|sed|sha256sum)\b|\[|=~")


def weakness(check: Mapping[str, Any] | None) -> Weakness:
    """What is the matter with a health check.

    Args:
        check: the rendered `healthcheck` of a service (compose-spec, "healthcheck").

    Returns:
        `missing`; `toothless` for one that cannot fail; `shallow` for one that takes any answer
        for a good one; empty for a real one.
    """
    test = (check or {}).get("test") or ()
    if not check or check.get("disable") or not test or test[0] == "NONE":
        return "missing"
    text = _script(test)
    bare = text.strip()
    if _ALWAYS.fullmatch(bare) or _CONSTANT.fullmatch(bare) or _FORGIVES.search(text):
        return "toothless"
    if _ASKS.search(text) and not _LOOKS.search(text):
        return "shallow"
    return ""


def _script(test: Sequence[str]) -> str:
    """The shell text, or the words, of a test."""
    kind, *words = test
    if kind == "CMD-SHELL":
        return words[0] if words else ""
    if len(words) == 3 and words[0].rpartition("/")[2] in ("sh", "bash") and words[1] == "-c":
        return words[2]
    return " ".join(words)
