"""An env file against the schema: every finding at once, each with line and remedy, no value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from morphops.core.env.dotenv import EnvFile, refusal
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.finding import Finding

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
    """Refuse an env file that has findings; see `findings`.

    Raises:
        InputError: with every finding at once; no value is shown.
    """
    found = findings(env, schema, images=images, provided=provided, exported=exported)
    if found:
        raise refusal(env.source, found)


def findings(
    env: EnvFile,
    schema: EnvSchema,
    *,
    images: Mapping[str, str],
    provided: frozenset[str],
    exported: Mapping[str, str],
) -> tuple[Finding, ...]:
    """Return what is wrong with an env file; no value is shown.

    Args:
        env: the file.
        schema: what may and must stand in it.
        images: image variable → the reference that the release says; empty where none is known.
        provided: variables that documents decide.
        exported: the shell's environment, which Compose would prefer to the file.
    """
    found = list(env.findings)
    for name, value in env.values.items():
        if name in images:
            if value and value != images[name]:
                found.append(env.finding(name, "comes from the release", "remove the line"))
        elif name in provided:
            found.append(env.finding(name, "comes from a document's manifest", "remove the line"))
        elif name not in schema.variables:
            what = "is not a variable of this stack"
            found.append(env.finding(name, what, _nearest(name, schema)))
        elif why := _wrong(value, schema.variables[name]):
            found.append(env.finding(name, *why))
    for name, variable in schema.variables.items():
        found += _missing_or_unequal(env, name, variable)
    owned = {*schema.variables, *images, *provided}
    found += [
        Finding(
            env.source,
            0,
            f"{name} is exported in this shell and would beat this file",
            f"`unset {name}`",
            subjects=(name,),
        )
        for name in sorted(owned & exported.keys())
    ]
    return tuple(found)


def _missing_or_unequal(env: EnvFile, name: str, variable: Variable) -> Iterator[Finding]:
    value = env.values.get(name, "")
    if variable.required and not value and name not in env.values:
        yield env.finding(name, "is missing", f"add it: {variable.about}")
    same, other = variable.same_as, variable.differs_from
    if same and _bytes(value) != _bytes(env.values.get(same, "")):
        yield env.finding(name, f"must equal {same}", "copy its value")
    if other and value and _bytes(value) == _bytes(env.values.get(other, "")):
        yield env.finding(name, f"must differ from {other}", "make a new one")


def _wrong(value: str, variable: Variable) -> tuple[str, str] | None:
    """Return what is wrong with a value, and the remedy."""
    if not value:
        return ("is empty", f"fill it in: {variable.about}") if variable.required else None
    if _PLACEHOLDER.search(value) or (variable.placeholder and value == variable.placeholder):
        return "still holds a placeholder", f"fill it in: {variable.about}"
    if variable.pattern and not re.fullmatch(variable.pattern, value):
        remedy = f"write: {variable.about} (pattern: {variable.pattern})"
        return "does not have the right form", remedy
    if "\n" in value or "\r" in value:
        return "holds a line break", "write it in one line"
    return None


def _bytes(value: str) -> str:
    """A value for comparison: keys in hex are the same in either case, with 0x and without."""
    return found[1].lower() if (found := _HEX.fullmatch(value)) else value


def _nearest(name: str, schema: EnvSchema) -> str:
    near = difflib.get_close_matches(name, schema.variables, n=1)
    return f"did you mean {near[0]}?" if near else "remove the line"
