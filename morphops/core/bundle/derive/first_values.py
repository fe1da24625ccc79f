"""The values of a first env file: those that plain Compose used, and fresh ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from morphops.core.bundle.derive.secret_names import holds_secret
from morphops.core.checks.interpolation import substituted
from morphops.core.env import templates
from morphops.core.env.dotenv import EnvFile
from morphops.core.env.schema import EnvSchema
from morphops.errors import InputError


@dataclass(frozen=True, slots=True)
class FirstValues:
    """What a first env file holds.

    Attributes:
        values: name → value.
        taken: names whose value is as in a file that plain Compose reads.
        generated: names that were given a fresh value.
        left: what a person must fill in: name → what it is.
        odd: names that are not taken, since plain Compose reads their value in another way.
        hidden: names that only their value shows to be secrets.
    """

    values: Mapping[str, str]
    taken: tuple[str, ...]
    generated: tuple[str, ...]
    left: Mapping[str, str]
    odd: tuple[str, ...]
    hidden: tuple[str, ...]


def first_values(
    schema: EnvSchema,
    files: Mapping[str, EnvFile],
    fresh: Callable[[int], str],
    *,
    idle: Collection[str] = (),
) -> FirstValues:
    """Values for the variables of an env schema.

    Args:
        schema: the variables.
        files: path → file; that which plain Compose reads, `.env` and each `env_file`.
        fresh: so many random bytes, in hex (`secrets.token_hex`).
        idle: names that mean nothing to a deploy; they are left out if no value is required.

    Raises:
        InputError: two files give a variable different values.
    """
    found: dict[str, str] = {}
    odd: set[str] = set()
    for name, spec in schema.variables.items():
        if name in idle and not spec.required:
            continue
        given = {path: env.values[name] for path, env in files.items() if name in env.values}
        if len(set(given.values())) > 1:
            raise _differs(name, list(given))
        for path in list(given)[:1]:
            value = _as_compose_reads(name, files[path])
            if value is None:
                odd.add(name)
            elif value and value != spec.default:
                found[name] = value
    taken = dict(found)
    values = templates.generate(schema, found, fresh)
    left = templates.left_to_fill(schema, "", values)
    return FirstValues(
        values=values,
        taken=tuple(taken),
        generated=tuple(name for name in schema.variables if name in values.keys() - taken.keys()),
        left={name: schema.variables[name].about for name in left},
        odd=tuple(sorted(odd)),
        hidden=tuple(
            name
            for name, value in taken.items()
            if holds_secret(value) and not schema.variables[name].secret
        ),
    )


def _as_compose_reads(name: str, env: EnvFile) -> str | None:
    """The value that plain Compose takes from a file; None where that is not certain."""
    value = env.values[name]
    if not any(name in finding.subjects for finding in env.findings):
        return value
    return substituted(value, env.values) if "$" in value else None


def _differs(name: str, paths: list[str]) -> InputError:
    return InputError(
        f"{name} has one value in {paths[0]} and another one in {paths[1]}",
        state="nothing was made",
        hint=f"a deploy has one value of {name} for all services: make them equal, or rename one",
    )
