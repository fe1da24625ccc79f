"""Whether a health check proves anything. Pure.

Some checks only ask whether a port answers. An error page passes them, and so does another program
on the port, or a service that has nothing to serve. A real check looks at the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

Weakness: TypeAlias = Literal["", "missing", "toothless", "shallow"]

_NOTHING = r"(?:(?:/usr)?/bin/)?true|:|exit\s+0+"
_TALKS = r"(?:echo|printf|sleep)\b(?:>&\d|[^;&|\n)}])*"  # ends well whatever it says
# Commands that end well in every container that runs at all.
_ALWAYS = re.compile(
    rf"({_NOTHING}|exit|{_TALKS}|(date|hostname|uname|whoami|id|pwd|env)(\s+-\w+)*|ps(\s+-?[a-z]+)?"
    r"|ls(\s+(-\w+|/|/(etc|bin|usr|lib|proc|dev|tmp)\S*))*|kill\s+-0\s+1|\S+\s+--version"
    r"|ping\b[^;&|]*\s(127\.0\.0\.1|localhost)"
    r"|python3?\s+-c\s+['\"]?(pass|(import sys;\s*)?(sys\.)?exit\(0?\))['\"]?)"
)
_WELL = rf"(?:{_NOTHING}|{_TALKS})\s*;?\s*"
_FORGIVES = re.compile(
    rf"\|\|\s*(?:\(\s*{_WELL}\)\s*;?\s*|\{{\s*{_WELL}\}}\s*;?\s*|{_WELL})$"  # whatever came before
    rf"|^\s*({_NOTHING})\s*\|\|"  # what comes after is never tried
    r"|\bin\s+\(?\*\)\s*(exit\s+0|true|:|;;)"  # any answer is the expected one
    r"|[^&>|]&\s*$"  # nothing waits for it
)
# These end well whatever came before, unless the script could end there.
_ENDS_WELL = re.compile(
    rf"(;|\n)\s*{_WELL}$"
    r"|[^|]\|\s*(true|cat|tee|head|tail|sort|wc|tr|echo)\b[^|;&\n\"'`()]*$"
)
# No branch was taken, so it ends well; and the ones that there are do nothing else.
_BRANCH = rf"[^);\n]+\)\s*(?:{_NOTHING}|{_TALKS})?\s*"
_NO_ELSE = re.compile(
    r"\bif\b(?:(?!\b(?:else|elif)\b).)*"
    rf"\bthen\s+{_WELL}fi\s*;?\s*$"
    rf"|\bin\s+(?:{_BRANCH};;\s*)*{_BRANCH}(?:;;)?\s*esac\s*;?\s*$",
    re.DOTALL,
)
_FAILS = re.compile(
    r"\bset\s+-(?:\w*e|o\s+errexit)|\bpipefail\b|\b(?:exit|return)\s+(?!0+\b)\S|\bfalse\b|\bkill\b"
)
_CONSTANT = re.compile(
    r"(test\s+|\[\s+)(-[a-z]\s+/(etc|bin|usr|lib|proc|dev)\S*|(-n\s+)?\w+|(\S+)\s+(=|==|-eq)\s+\5)"
    r"(\s+\])?"
)
_ASKS = re.compile(r"\b(curl|wget|nc|telnet)\b|/dev/tcp/")
_URL = re.compile(r"https?://[^\s\"'|;&)]*")
# As a command, not as a word of one: `curl http://a/test` looks at nothing.
_LOOKS = re.compile(
    r"(?:^|[;&|(`!\n]|\b(?:if|then|do|else|while|until)\s)\s*"
    r"(?:\w+=\S*\s+|[^\s/]*/|busybox\s+|timeout\s+\S+\s+|xargs\s+|!\s*)*"
    r"(?:(?:case|[ef]?grep|test|jq|cmp|diff|awk|sed|sha\d+sum|md5sum|python[\d.]*|perl|node)\b|\[)"
    r"|=~"
)
# It was told something; an error page is something as well.
_ANYTHING = re.compile(
    r"^\s*(?:test|\[)\s+-n\s+\"?\$+\([^|]*\)\"?(?:\s+\])?\s*$"
    r"|\|\s*grep\s+(?:-\w+\s+)*(?:\.|''|\"\"|'\.\*?'|\"\.\*?\"|\.\*)\s*$"
)
_SHELL = re.compile(r"\s*(?:\S*/)?(?:ba|da|a)?sh\s+-c\s+(['\"])((?:(?!\1).)*)\1\s*", re.DOTALL)
_OWN = r"(?:127\.0\.0\.1|localhost|\[::1\])"
_ASKED_PORT = re.compile(
    rf"(?<![\w.-]){_OWN}:(\d+)(?!\d)|/dev/tcp/(?:127\.0\.0\.1|localhost)/(\d+)(?!\d)"
)


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
    text = script(test)
    bare = text.strip()
    if _ALWAYS.fullmatch(bare) or _CONSTANT.fullmatch(bare) or _FORGIVES.search(text):
        return "toothless"
    if not _FAILS.search(text) and (_ENDS_WELL.search(text) or _NO_ELSE.search(text)):
        return "toothless"
    looks = _LOOKS.search(_URL.sub("", text)) and not _ANYTHING.search(text)
    if _ASKS.search(text) and not looks:
        return "shallow"
    return ""


def strange_ports(service: Mapping[str, Any]) -> tuple[int, ...]:
    """Ports of its own container that a health check asks, and that nothing else speaks of.

    Only where that can be decided: the service publishes or exposes TCP ports, and the check asks
    a port of loopback by number. No variable and no argument of the service has that number.

    Args:
        service: as Compose renders it.
    """
    listens = _tcp_ports(service)
    if not listens or service.get("network_mode"):
        return ()
    text = script((service.get("healthcheck") or {}).get("test") or ("NONE",))
    asked = {int(one or other) for one, other in _ASKED_PORT.findall(text)}
    said = json.dumps([service.get(key) for key in ("environment", "command", "entrypoint")])
    return tuple(
        port
        for port in sorted(asked - listens)
        # A port for administration is set by one of these, and need not be published.
        if not re.search(rf"(?<!\d){port}(?!\d)", said)
    )


def _tcp_ports(service: Mapping[str, Any]) -> set[int]:
    found = {
        int(port["target"])
        for port in service.get("ports") or ()
        if port.get("protocol", "tcp") == "tcp"
    }
    for text in service.get("expose") or ():
        ports, _, protocol = str(text).partition("/")
        first, _, last = ports.partition("-")
        if protocol in ("", "tcp"):
            found |= set(range(int(first), int(last or first) + 1))
    return found


def script(test: Sequence[str]) -> str:
    """The shell text, or the words, of a test."""
    kind, *words = test
    if kind == "CMD-SHELL":
        text = words[0] if words else ""
        inner = _SHELL.fullmatch(text)
        return inner[2] if inner else text
    shell = words[0].rpartition("/")[2] if words else ""
    if len(words) == 3 and shell in ("sh", "bash", "ash", "dash") and words[1] == "-c":
        return words[2]
    return " ".join(words)
