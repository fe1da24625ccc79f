"""Finds secrets in plain text: in flags, headers, assignments and URLs. Pure.

A finding has the name and never the value. A name alone is not a secret: `--token-ttl=30`,
`--password-file=/run/secrets/x` and `--require-token=true` have none.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

_WORD = (
    r"(?:password|passwd|secret|token|bearer|api_?key|access_?key|private_?key|credentials?|pat)"
)
_NAME = re.compile(rf"(?:.*_)?{_WORD}")
# `pat` begins too many words to be looked for inside of one.
_MENTION = re.compile(
    r"password|passwd|secret|token|bearer|api_?key|access_?key|private|credential|(?:^|_)pat(?:_|$)"
)
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
_USER_INFO = re.compile(r"://[^/\s:@$]+:[^/\s@$]+@")  # RFC 3986, 3.2.1
_OPERATOR = re.compile(r"[;&|()<>]+")
# A reference to a value that comes at run time or from a file is not a secret.
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
    """Returns whether a name ends as names of secrets do: `API_KEY`, `com.example.api-token`."""
    return bool(_NAME.fullmatch(_plain(name)))


def takes_secret(name: str) -> bool:
    """Returns whether a flag, label or variable is called like a secret and is not a switch."""
    return secret_name(name) and not _SWITCH.fullmatch(_plain(name))


def mentions_secret(name: str) -> bool:
    """Returns whether a name has a secret's word anywhere in it: `tokens`, `secret_path`."""
    return bool(_MENTION.search(_plain(name)))


def has_password(text: str) -> bool:
    """Returns whether a text has a URL with a user and a password in it."""
    return bool(_USER_INFO.search(text))


def _plain(name: str) -> str:
    """A name in lower case, with `_` between its words."""
    return re.sub(r"[.-]", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", name)).lower()


def literal(value: str) -> bool:
    """Returns whether a value may be a secret: not a reference, a switch or a number."""
    bare = value.strip().strip("\"'")
    return not (
        not bare
        or _SAYS_NOTHING.fullmatch(bare)
        or _ELSEWHERE.match(bare)
        or _OPTION.match(bare)
        or _FILE.fullmatch(bare)
    )


def flags(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields name and value of each flag that has a plain secret (`--api-key=…`, `--token …`)."""
    for number, word in enumerate(words):
        found = _FLAG.fullmatch(word)
        if not found or not takes_secret(found[1]):
            continue
        value = found[2]
        if value is None:
            following = words[number + 1] if number + 1 < len(words) else "-"
            value = "" if following.startswith("-") or _OPERATOR.match(following) else following
        if literal(value):
            yield f"--{found[1]}", value


def headers(text: str) -> Iterator[tuple[str, str]]:
    """Yields name and value of each HTTP header with a plain secret (`Authorization: Bearer …`)."""
    for one, other, value in _HEADER.findall(text):
        if literal(value):
            yield one or other, value


def assigned(text: str) -> Iterator[tuple[str, str]]:
    """Yields name and value of each variable that a command line sets (`export A=…`, `A=… x`)."""
    # A word of another command (`key TOKEN=x`) is not an assignment of the shell.
    starts = r"(?:^|[;&|(\n]|\b(?:export|env|declare|local|readonly|then|do|else)\s)\s*"
    assignment = r"[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|\$\([^)]*\)|[^\s;&|()\"'])*"
    for run in re.finditer(rf"{starts}((?:{assignment}\s*)+)", text):
        for item in re.finditer(assignment, run[1]):
            name, _, value = item[0].partition("=")
            yield name, value


def words(text: str) -> list[str]:
    """Returns the words of a command line as far as it can be split; operators are words."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # an open quote
        return text.split()


def env_secrets(name: str, text: str) -> tuple[str, ...]:
    """Returns the variables of an env file that have a secret as their value; none of other files.

    Args:
        name: of the file.
        text: its lines, `NAME=value`.
    """
    if not (name.endswith(".env") or name.startswith(".env")):
        return ()
    pairs = (line.removeprefix("export ").partition("=") for line in text.splitlines())
    return tuple(
        variable.strip()
        for variable, _, value in pairs
        if takes_secret(variable.strip()) and literal(value.strip().strip("\"'"))
    )
