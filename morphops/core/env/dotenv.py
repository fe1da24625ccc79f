r"""Env files: reading, and writing what Compose reads back unchanged.

Parsing is python-dotenv's, but in double quotes `\$` is `$`, as Compose has it. Nothing is
interpolated: `$` in a password stays what it is. What is handed to Compose is not the operator's
file but one written by `render`, quoted so that every value arrives as it was read. A line that
plain Compose would read in another way is a finding too: a file has one meaning.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from morphops.core.finding import Finding
from morphops.core.release.digest import canonical_json
from morphops.errors import InputError

OTHER_FILE = "inv env.init PATH makes one; name it with --env-file=PATH or MORPHOPS_ENV_FILE"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_DOUBLE_QUOTED = re.compile(r'[^=]*=[^\S\r\n]*"((?:\\.|[^"\\])*)"', re.DOTALL)

_SINGLE_QUOTED = re.compile(r"[^=]*=[^\S\r\n]*'((?:\\.|[^'\\])*)'", re.DOTALL)

# Outside of quotes: for some readers space or the end of a line, for Compose text, or the reverse.
_ODD = re.compile(r"[^\S \t\r\n]|[\x01-\x08\x0e-\x1f\x7f-\x9f]")

_LONE_RETURN = re.compile(r"\r(?!\n)")

_UNESCAPED = r"(?<!\\)(?:\\\\)*"

_INTERPOLATED = re.compile(_UNESCAPED + r"\$(?:[A-Za-z_{$]|\\\$)")

_REFERENCE = re.compile(_UNESCAPED + r"\$\{")

_OCTAL = re.compile(_UNESCAPED + r"\\0")

_ESCAPES = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A parsed env file.

    Attributes:
        source: how to name it in messages.
        values: name → value.
        lines: name → line number, from 1.
        findings: what is wrong with the file as a file.
        encrypted: whether the file is, and so has to be whatever is kept of it.
    """

    source: str
    values: Mapping[str, str]
    lines: Mapping[str, int]
    findings: tuple[Finding, ...] = ()
    encrypted: bool = False

    def at(self, name: str) -> str:
        """`source:line` of a variable, or just the source where it does not stand there."""
        return f"{self.source}:{self.lines[name]}" if name in self.lines else self.source

    def finding(self, name: str, what: str, remedy: str) -> Finding:
        """Return a finding about a variable, at its line where it stands in the file."""
        line = self.lines.get(name, 0)
        return Finding(self.source, line, f"{name} {what}", remedy, subjects=(name,))


def parse(text: str, source: str) -> EnvFile:
    """Env file text → values.

    Raises:
        InputError: there are findings.
    """
    return without_findings(scan(text, source))


@lru_cache(maxsize=16)  # one operation reads the same few files several times
def scan(text: str, source: str) -> EnvFile:
    """Returns the values of an env file's text; lines that are malformed are its findings."""
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    findings: list[Finding] = []
    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        original = binding.original.string
        # python-dotenv counts from the blank and comment lines that come before.
        skipped = len(original) - len(original.lstrip(" \t\r\n"))
        line = binding.original.line + original[:skipped].count("\n")
        name = binding.key
        # A name alone takes its value from the shell; anything else may be a piece of a secret.
        named = binding.value is not None and _NAME.fullmatch(name or "")
        if _LONE_RETURN.search(_outside_of_quotes(original)):
            what = "a carriage return stands within the line"
            findings.append(Finding(source, line, what, "end each with \\n"))
        if binding.error or not (named or (name is None and _is_nothing(original))):
            findings.append(Finding(source, line, "is not a NAME=value line", "fix or remove it"))
        elif name is not None:
            if name in values:
                what = f"{name} stands in line {lines[name]} already"
                findings.append(Finding(source, line, what, "remove one", subjects=(name,)))
            if "\0" in original:
                what = f"{name} holds a NUL byte"
                findings.append(
                    Finding(source, line, what, "write the line again", subjects=(name,))
                )
            if why := _ambiguous(original):
                what, remedy = f"{name} {why[0]}", why[1]
                findings.append(Finding(source, line, what, remedy, subjects=(name,)))
            quoted = _DOUBLE_QUOTED.match(original)
            values[name] = _unescape(quoted[1]) if quoted else binding.value or ""
            lines[name] = line
    return EnvFile(source, values, lines, tuple(findings))


def refusal(source: str, findings: Sequence[Finding]) -> InputError:
    """Return the error that tells all findings at once."""
    hint = "fix what is named and run the same command again"
    if len(findings) == 1:
        return InputError(str(findings[0]), hint=hint, state="nothing was changed")
    return InputError(
        f"{source}: {len(findings)} findings",
        detail=tuple(map(str, findings)),
        hint=hint,
        state="nothing was changed",
    )


def without_findings(env: EnvFile) -> EnvFile:
    if env.findings:
        raise refusal(env.source, env.findings)
    return env


def _is_nothing(original: str) -> bool:
    """Whether it is empty, or a comment, for Compose as well."""
    before = original.partition("#")[0]
    return not before.strip() and not _ODD.search(before)


def _outside_of_quotes(original: str) -> str:
    quoted = _DOUBLE_QUOTED.match(original) or _SINGLE_QUOTED.match(original)
    return original[: quoted.start(1)] + original[quoted.end(1) :] if quoted else original


def _ambiguous(original: str) -> tuple[str, str] | None:
    """Return why plain Compose would read this assignment in another way, and the remedy."""
    raw = original.partition("=")[2].rstrip("\r\n")
    value = raw.lstrip(" \t")
    single = "write it in single quotes: NAME='…'"
    if _ODD.search(_outside_of_quotes(original).partition(" #")[0]):
        return "has odd white space or a control character", f"remove it, or {single}"
    if value.startswith("'"):
        if "\\\\" in value:
            return "has \\\\ in single quotes, where Compose keeps both", "use double ones"
        return None
    if quoted := _DOUBLE_QUOTED.match(original):
        if _OCTAL.search(quoted[1]):
            return "has \\0 in double quotes, which is an octal number for Compose", single
        value = quoted[1]
    elif (value.startswith("#") and value != raw) or "\t#" in value:
        return "has a # that is a comment for some and not for Compose", single
    else:
        # Outside of quotes a backslash is nothing special, and ` #` begins a comment.
        value = value.partition(" #")[0].replace("\\", "")
    if _REFERENCE.search(value):
        # In single quotes it would be another value than the one that was meant.
        together = "write the value out, or put it together in the compose file"
        return "has a ${…} that Compose alone would replace", f"{together}; as it stands: {single}"
    if _INTERPOLATED.search(value):
        return "has a $ that Compose alone would replace", single
    return None


def render(values: Mapping[str, str], *, header: str = "") -> str:
    """Env file text that Compose and python-dotenv both read back as these values."""
    lines = [f"# {line}" for line in header.splitlines()]
    lines += [f"{name}={quote(value)}" for name, value in sorted(values.items())]
    return "\n".join(lines) + "\n"


def quote(value: str) -> str:
    """A value as an env file has it, so that it means the same to every reader."""
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\\"$abfnrtv])", lambda found: _ESCAPES.get(found[1], found[1]), text)


def fingerprint(values: Mapping[str, str], key: bytes) -> str:
    """A keyed fingerprint of a set of values: tells whether they changed, and nothing else.

    HMAC-SHA256 (RFC 2104) over their canonical JSON, the first 16 hex digits.
    """
    return hmac.new(key, canonical_json(dict(values)), hashlib.sha256).hexdigest()[:16]
