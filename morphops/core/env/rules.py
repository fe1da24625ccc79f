"""An env file against the schema: every finding at once, each with line and remedy, no value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from morphops.core.env.dotenv import EnvFile, refusal
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.finding import Finding
from morphops.core.nearest import did_you_mean

# What stands for a whole value. A name in angle brackets may be a part of one (RFC 5322, 3.4).
_PLACEHOLDER = re.compile(r"(?i:CHANGE_?ME|REPLACE_?ME)|TODO|https?://<[^<>]*>/?")
_BRACKETS = re.compile(r"<[^<>]*>")
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
    return (
        *env.findings,
        *_set(env, schema, images, provided),
        *_unset(env, schema),
        *_exported(env, {*schema.variables, *images, *provided} & exported.keys()),
    )


def _set(
    env: EnvFile, schema: EnvSchema, images: Mapping[str, str], provided: frozenset[str]
) -> Iterator[Finding]:
    """Yield what is wrong with the variables that the file sets."""
    for name, value in env.values.items():
        why: tuple[str, str] | None = None
        if name in images:
            if value not in ("", images[name]):
                why = "comes from the release", "remove the line"
        elif name in provided:
            why = "comes from a document's manifest", "remove the line"
        elif name not in schema.variables:
            advice = did_you_mean(name, schema.variables, "remove the line")
            why = "is not a variable of this stack", advice
        else:
            why = _wrong(value, schema.variables[name])
        if why is not None:
            yield env.finding(name, *why)


def _unset(env: EnvFile, schema: EnvSchema) -> Iterator[Finding]:
    """Yield the variables that are missing, or do not fit another one."""
    for name, variable in schema.variables.items():
        value = env.values.get(name, "")
        if variable.required and name not in env.values:
            yield env.finding(name, "is missing", f"add it: {variable.about}")
        same, other = variable.same_as, variable.differs_from
        if same and _bytes(value) != _bytes(env.values.get(same, "")):
            yield env.finding(name, f"must equal {same}", "copy its value")
        if other and value and _bytes(value) == _bytes(env.values.get(other, "")):
            yield env.finding(name, f"must differ from {other}", "make a new one")


def _exported(env: EnvFile, names: set[str]) -> Iterator[Finding]:
    """Yield the variables of the stack that the shell exports."""
    for name in sorted(names):
        what = f"{name} is exported in this shell and would beat this file"
        yield Finding(env.source, 0, what, f"`unset {name}`", subjects=(name,))


def _wrong(value: str, variable: Variable) -> tuple[str, str] | None:
    """Return what is wrong with a value, and the remedy."""
    if not value:
        return ("is empty", f"fill it in: {variable.about}") if variable.required else None
    if _is_placeholder(value, variable):
        return "still holds a placeholder", f"fill it in: {variable.about}"
    if variable.pattern and not re.fullmatch(variable.pattern, value):
        remedy = f"write: {variable.about} (pattern: {variable.pattern})"
        return "does not have the right form", remedy
    if "\n" in value or "\r" in value:
        return "holds a line break", "write it in one line"
    return None


def _is_placeholder(value: str, variable: Variable) -> bool:
    """Whether a value is what a template, or a person, wrote in place of one."""
    if value == variable.placeholder or _PLACEHOLDER.fullmatch(value):
        return True
    # Where the schema says what a value looks like, that decides.
    by_schema = variable.placeholder or (variable.pattern and re.fullmatch(variable.pattern, value))
    return not by_schema and _BRACKETS.fullmatch(value) is not None


def _bytes(value: str) -> str:
    """A value for comparison: keys in hex are the same in either case, with 0x and without."""
    return found[1].lower() if (found := _HEX.fullmatch(value)) else value
