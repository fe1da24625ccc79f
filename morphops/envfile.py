r"""Env files: reading, checking against the schema, writing what Compose reads back unchanged.

Parsing is python-dotenv's, but in double quotes `\$` is `$`, as Compose has it. Nothing is
interpolated: `$` in a password stays what it is. What is handed to Compose is not the operator's
file but one written by `render`, quoted so that every value arrives as it was read.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import io
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from morphops.envschema import EnvSchema, Variable
from morphops.errors import InputError
from morphops.model import canonical_json

_PLACEHOLDER = re.compile(r"(?i:CHANGE_?ME|REPLACE_?ME)|<[^>]*>|\bTODO\b")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOUBLE_QUOTED = re.compile(r'[^=]*=[^\S\r\n]*"((?:\\.|[^"\\])*)"', re.DOTALL)
_ESCAPES = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A parsed env file.

    Attributes:
        source: how to name it in messages.
        values: name → value.
        lines: name → line number, from 1.
    """

    source: str
    values: Mapping[str, str]
    lines: Mapping[str, int]

    def at(self, name: str) -> str:
        """`source:line` of a variable, or just the source where it does not stand there."""
        return f"{self.source}:{self.lines[name]}" if name in self.lines else self.source


def load(path: Path) -> EnvFile:
    """Read an env file that nobody else may read.

    Raises:
        InputError: it is not there, malformed, or group or others may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such env file",
            hint="name one with --env-file=PATH or MORPHOPS_ENV_FILE",
        ) from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not an env file") from None
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"{path}: cannot be read: {type(err).__name__}") from None
    if stat.S_IMODE(mode) & 0o077:
        raise InputError(
            f"{path}: mode is {stat.S_IMODE(mode):04o}, so others may read its secrets",
            hint=f"chmod 600 {path}",
        )
    return parse(text, str(path))


def parse(text: str, source: str) -> EnvFile:
    """Env file text → values.

    Raises:
        InputError: a line that is no assignment, or a name that stands twice.
    """
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    findings = []
    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        # python-dotenv counts from the blank and comment lines that come before.
        skipped = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:skipped].count("\n")
        # A name alone takes its value from the shell; anything else may be a piece of a secret.
        named = binding.value is not None and _NAME.fullmatch(binding.key or "")
        if binding.error or (binding.key is not None and not named):
            findings.append(f"{source}:{line}: is no NAME=value line")
        elif binding.key is not None:
            if binding.key in values:
                findings.append(
                    f"{source}:{line}: {binding.key} stands in line {lines[binding.key]} already"
                )
            quoted = _DOUBLE_QUOTED.match(binding.original.string)
            values[binding.key] = _unescape(quoted[1]) if quoted else binding.value or ""
            lines[binding.key] = line
    if findings:
        raise _refuse(source, findings)
    return EnvFile(source, values, lines)


def check(
    env: EnvFile,
    schema: EnvSchema,
    *,
    images: Mapping[str, str],
    provided: frozenset[str],
    exported: Mapping[str, str],
) -> None:
    """Everything that must be true of an env file before it is used.

    Args:
        env: the file.
        schema: what may and must stand in it.
        images: image variable → the reference that the release says.
        provided: variables that documents decide.
        exported: the shell's environment, which Compose would prefer to the file.

    Raises:
        InputError: with every finding at once; no value is shown.
    """
    findings = []
    for name, value in env.values.items():
        where = env.at(name)
        if name in images:
            if value and value != images[name]:
                findings.append(
                    f"{where}: {name} names another image than the release; images come from the "
                    "release, so remove the line"
                )
        elif name in provided:
            findings.append(f"{where}: {name} comes from a document's manifest; remove the line")
        elif name not in schema.variables:
            findings.append(f"{where}: {name} is no variable of this stack{_nearest(name, schema)}")
        elif why := _wrong(value, schema.variables[name]):
            findings.append(f"{where}: {name} {why}")
    for name, variable in schema.variables.items():
        value = env.values.get(name, "")
        if variable.required and not value and name not in env.values:
            findings.append(f"{env.source}: {name} is missing: {variable.about}")
        if variable.same_as and value != env.values.get(variable.same_as, ""):
            findings.append(f"{env.at(name)}: {name} must equal {variable.same_as}")
        if variable.differs_from and value and value == env.values.get(variable.differs_from):
            findings.append(f"{env.at(name)}: {name} must differ from {variable.differs_from}")
    owned = {*schema.variables, *images, *provided}
    findings += [
        f"{name} is exported in this shell and would beat {env.source}; `unset {name}`"
        for name in sorted(owned & exported.keys())
    ]
    if findings:
        raise _refuse(env.source, findings)


def _wrong(value: str, variable: Variable) -> str:
    if not value:
        return f"is empty: {variable.about}" if variable.required else ""
    if _PLACEHOLDER.search(value) or (variable.placeholder and value == variable.placeholder):
        return f"still holds a placeholder: {variable.about}"
    if variable.pattern and not re.fullmatch(variable.pattern, value):
        return f"does not have the right form: {variable.about}"
    if "\n" in value or "\r" in value:
        return "holds a line break, which no variable of this stack can"
    return ""


def _nearest(name: str, schema: EnvSchema) -> str:
    near = difflib.get_close_matches(name, schema.variables, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _refuse(source: str, findings: list[str]) -> InputError:
    hint = "mend what is named and run the same command again"
    if len(findings) == 1:
        return InputError(findings[0], hint=hint, state="nothing was changed")
    return InputError(
        f"{source}: {len(findings)} findings",
        detail=tuple(findings),
        hint=hint,
        state="nothing was changed",
    )


def generate(schema: EnvSchema, given: Mapping[str, str]) -> dict[str, str]:
    """Values for a new env file: the given ones, fresh keys, and what must equal another.

    Args:
        schema: says which values are generated.
        given: values that are decided already.
    """
    values = dict(given)
    for name, variable in schema.variables.items():
        if name not in values and variable.generate:
            values[name] = secrets.token_hex(int(variable.generate.removeprefix("hex")))
    # What a variable equals may itself equal another.
    while more := {
        name: values[variable.same_as]
        for name, variable in schema.variables.items()
        if name not in values and variable.same_as in values
    }:
        values |= more
    return values


def render(values: Mapping[str, str], *, header: str = "") -> str:
    """Env file text that Compose and python-dotenv both read back as these values."""
    lines = [f"# {line}" for line in header.splitlines()]
    lines += [f"{name}={_quote(value)}" for name, value in sorted(values.items())]
    return "\n".join(lines) + "\n"


def _quote(value: str) -> str:
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\'\"$abfnrtv])", lambda found: _ESCAPES.get(found[1], found[1]), text)


def fingerprint(values: Mapping[str, str], key: bytes) -> str:
    """A keyed fingerprint of a set of values: tells whether they changed, and nothing else.

    HMAC-SHA256 (RFC 2104) over their canonical JSON, the first 16 hex digits.
    """
    return hmac.new(key, canonical_json(dict(values)), hashlib.sha256).hexdigest()[:16]
