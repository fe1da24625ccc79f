"""Secrets that stand in a text as they are: in flags, headers, assignments and URLs. Pure.

What is found is named, and its value never is. A name alone is no secret: `--token-ttl=30`,
`--password-file=/run/secrets/x` and `--require-token=true` say how, and not what.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

_WORD = r"password|passwd|secret|token|bearer|api_?key|access_?key|private_key|credentials?"
_NAME = re.compile(rf"(?:[a-z0-9]+_)*(?:{_WORD})")
# `--require-token serve` is a switch and a word of its own.
_SWITCH = re.compile(
    r"(?:require|use|no|enable|disable|disabled|allow|skip|check|verify|need|with|without|has|is"
    r"|print|show|generate|rotate|ask|prompt)_.*"
)
_FLAG = re.compile(r"--?(?:D(?=[a-z]))?([A-Za-z][\w.-]+)(?:=(.*))?", re.DOTALL)
_HEADER = re.compile(
    r"(?i)\b(?:(authorization)\s*:\s*(?:bearer|basic|token)\s+"
    r"|(x(?:-\w+)*-(?:api-?key|auth-key|token|secret))\s*:\s*)([^\s\"']+)"
)
_OPERATOR = re.compile(r"[;&|()<>]+")
# What stands for a value that comes at run time, from a file, or from nobody: no secret itself.
_ELSEWHERE = re.compile(r"[$`<%@{]|\.{0,2}/|~|(file|env|vault|secret|arn|op|https?|ssm):", re.I)
_FILE = re.compile(r"[\w.-]+(/[\w.-]+)*\.(pem|key|json|crt|txt|ya?ml|toml|jwt|sock)")
_OPTION = re.compile(r"(id|src|source|type|env|target)=")  # docker build --secret id=…
_SAYS_NOTHING = re.compile(
    r"true|false|yes|no|on|off|none|null|nil|auto|default|disabled|required|optional|prompt|stdin"
    r"|bearer|basic|token|changeme|dummy|placeholder|fake|unused|example|[-*!]+"
    r"|\d{1,7}[a-z]{0,2}|[*x.…]+",
    re.I,
)


def secret_name(name: str) -> bool:
    """Whether a name says that its value is a secret: `API_KEY`, `com.example.api-token`."""
    plain = re.sub(r"[.-]", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", name)).lower()
    return bool(_NAME.fullmatch(plain)) and not _SWITCH.fullmatch(plain)


def literal(value: str) -> bool:
    """Whether a value may be a secret itself; not where one comes from, a switch or a number."""
    bare = value.strip().strip("\"'")
    return not (
        not bare
        or _SAYS_NOTHING.fullmatch(bare)
        or _ELSEWHERE.match(bare)
        or _OPTION.match(bare)
        or _FILE.fullmatch(bare)
    )


def flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Flags that hand over a secret as it is (`--api-key=…`, `--token …`), with its value."""
    for number, word in enumerate(words):
        found = _FLAG.fullmatch(word)
        if not found or not secret_name(found[1]):
            continue
        value = found[2]
        if value is None:
            following = words[number + 1] if number + 1 < len(words) else "-"
            value = "" if following.startswith("-") or _OPERATOR.match(following) else following
        if literal(value):
            yield f"--{found[1]}", value


def headers(text: str) -> Iterator[tuple[str, str]]:
    """HTTP headers that hand over a secret as it is (`Authorization: Bearer …`), with its value."""
    for one, other, value in _HEADER.findall(text):
        if literal(value):
            yield one or other, value


def assigned(text: str) -> Iterator[tuple[str, str]]:
    """Variables that a command line sets (`export TOKEN=…`, `TOKEN=… command`): name and value."""
    # A word of another command (`key TOKEN=x`) is no assignment of the shell.
    starts = r"(?:^|[;&|(\n]|\b(?:export|env|declare|local|readonly|then|do|else)\s)\s*"
    assignment = r"[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|\$\([^)]*\)|[^\s;&|()\"'])*"
    for run in re.finditer(rf"{starts}((?:{assignment}\s*)+)", text):
        for item in re.finditer(assignment, run[1]):
            name, _, value = item[0].partition("=")
            yield name, value


def words(text: str) -> list[str]:
    """The words of a command line, as far as they can be told; operators are words."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that nobody closes
        return text.split()
