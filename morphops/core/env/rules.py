"""An env file against the schema: every finding at once, each with line and remedy, no value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from morphops.core.env.dotenv import EnvFile, refusal
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.nearest import did_you_mean

_PLACEHOLDER = re.compile(r"(?i:CHANGE_?ME|REPLACE_?ME)|<[^>]*>|\bTODO\b")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")


def check(
    env: EnvFile,
    schema: EnvSchema,
    *,
    images: Mapping[str, str],
    provided: frozenset[str],
    exported: Mapping[str, str],
) -> None:
    """Refuses an env file that breaks the schema, with every finding at once.

    Args:
        env: the file.
        schema: the variables that it may have and must have.
        images: image variable → its reference in the release; empty if it is not known.
        provided: variables that documents provide.
        exported: the shell's environment, which Compose prefers to the file.

    Raises:
        InputError: with every finding, and no value.
    """
    findings = [
        *env.findings,
        *_set(env, schema, images, provided),
        *_unset(env, schema),
        *_exported(env, {*schema.variables, *images, *provided} & exported.keys()),
    ]
    if findings:
        raise refusal(env.source, findings)


def _set(
    env: EnvFile, schema: EnvSchema, images: Mapping[str, str], provided: frozenset[str]
) -> Iterator[str]:
    """What is wrong with the variables that the file sets."""
    for name, value in env.values.items():
        if name in images:
            same = value in ("", images[name])
            why = "" if same else "comes from the release; remove the line"
        elif name in provided:
            why = "comes from a document's manifest; remove the line"
        elif name not in schema.variables:
            advice = did_you_mean(name, schema.variables, "remove the line")
            why = f"is not a variable of this stack; {advice}"
        else:
            why = _wrong(value, schema.variables[name])
        if why:
            yield f"{env.at(name)}: {name} {why}"


def _unset(env: EnvFile, schema: EnvSchema) -> Iterator[str]:
    """Variables that are missing, or do not fit another one."""
    for name, variable in schema.variables.items():
        value = env.values.get(name, "")
        if variable.required and name not in env.values:
            yield f"{env.source}: {name} is missing; add it: {variable.about}"
        same, other = variable.same_as, variable.differs_from
        if same and _bytes(value) != _bytes(env.values.get(same, "")):
            yield f"{env.at(name)}: {name} must equal {same}; copy its value"
        if other and value and _bytes(value) == _bytes(env.values.get(other, "")):
            yield f"{env.at(name)}: {name} must differ from {other}; make a new one"


def _exported(env: EnvFile, names: set[str]) -> Iterator[str]:
    """Variables of the stack that the shell exports."""
    for name in sorted(names):
        yield f"{name} is exported in this shell and would beat {env.source}; `unset {name}`"


def _wrong(value: str, variable: Variable) -> str:
    if not value:
        return f"is empty; fill it in: {variable.about}" if variable.required else ""
    if _PLACEHOLDER.search(value) or (variable.placeholder and value == variable.placeholder):
        return f"still holds a placeholder; fill it in: {variable.about}"
    if variable.pattern and not re.fullmatch(variable.pattern, value):
        return (
            f"does not have the right form; write: {variable.about} (pattern: {variable.pattern})"
        )
    if "\n" in value or "\r" in value:
        return "holds a line break, which no variable of this stack can"
    return ""


def _bytes(value: str) -> str:
    """A value for comparison: keys in hex are the same in either case, with 0x and without."""
    return found[1].lower() if (found := _HEX.fullmatch(value)) else value
