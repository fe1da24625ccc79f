"""An env file against the schema: every finding at once, each with line and remedy, no value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from morphops.core.env.dotenv import EnvFile, refusal
from morphops.core.env.schema import EnvSchema, Variable

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
    """Everything that must be true of an env file before it is used.

    Args:
        env: the file.
        schema: what may and must stand in it.
        images: image variable → the reference that the release says; empty where none is known.
        provided: variables that documents decide.
        exported: the shell's environment, which Compose would prefer to the file.

    Raises:
        InputError: with every finding at once; no value is shown.
    """
    findings = list(env.findings)
    for name, value in env.values.items():
        where = env.at(name)
        if name in images:
            if value and value != images[name]:
                findings.append(f"{where}: {name} comes from the release; remove the line")
        elif name in provided:
            findings.append(f"{where}: {name} comes from a document's manifest; remove the line")
        elif name not in schema.variables:
            findings.append(
                f"{where}: {name} is no variable of this stack; {_nearest(name, schema)}"
            )
        elif why := _wrong(value, schema.variables[name]):
            findings.append(f"{where}: {name} {why}")
    for name, variable in schema.variables.items():
        value = env.values.get(name, "")
        if variable.required and not value and name not in env.values:
            findings.append(f"{env.source}: {name} is missing; add it: {variable.about}")
        same, other = variable.same_as, variable.differs_from
        if same and _bytes(value) != _bytes(env.values.get(same, "")):
            findings.append(f"{env.at(name)}: {name} must equal {same}; copy its value")
        if other and value and _bytes(value) == _bytes(env.values.get(other, "")):
            findings.append(f"{env.at(name)}: {name} must differ from {other}; make a new one")
    owned = {*schema.variables, *images, *provided}
    findings += [
        f"{name} is exported in this shell and would beat {env.source}; `unset {name}`"
        for name in sorted(owned & exported.keys())
    ]
    if findings:
        raise refusal(env.source, findings)


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


def _nearest(name: str, schema: EnvSchema) -> str:
    near = difflib.get_close_matches(name, schema.variables, n=1)
    return f"did you mean {near[0]}?" if near else "remove the line"
