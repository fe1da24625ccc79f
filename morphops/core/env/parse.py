"""YAML text → env schema. Pure."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterator

from morphops.core.env.schema import EnvSchema, Template, Variable
from morphops.core.schema import NAME, read_mapping, refusal, validate_mapping


@functools.lru_cache(maxsize=16)  # one operation reads the schema of a release several times
def parse_env_schema(text: str, source: str) -> EnvSchema:
    """Returns an env schema from YAML text.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    document, raw = read_mapping(text, source)
    schema = validate_mapping(EnvSchema, raw, document)
    findings = [*_of_variables(schema), *_of_templates(schema), *_in_no_template(schema)]
    if findings:
        raise refusal(document, findings)
    return schema


def _of_variables(schema: EnvSchema) -> Iterator[str]:
    for name, variable in schema.variables.items():
        for finding in (*_relations(variable, schema), *_values(variable)):
            yield f"variables/{name}/{finding}"


def _relations(variable: Variable, schema: EnvSchema) -> Iterator[str]:
    others = {
        "same_as": variable.same_as,
        "differs_from": variable.differs_from,
        "binds": variable.binds,
    }
    for key, other in others.items():
        if other and other not in schema.variables:
            yield f"{key}: no such variable {other!r}"


def _values(variable: Variable) -> Iterator[str]:
    """The pattern, and the values of the schema that do not match it."""
    try:
        pattern = re.compile(variable.pattern or ".*", re.DOTALL)
    except re.error as err:
        yield f"pattern: {err}"
        return
    if variable.default and not pattern.fullmatch(variable.default):
        yield "default: does not match its own pattern"
    if variable.example and not pattern.fullmatch(variable.example):
        yield "example: does not match its own pattern"
    if variable.generate:
        digits = 2 * int(variable.generate.removeprefix("hex"))
        if not pattern.fullmatch("1" * digits):
            yield (
                f"generate: {variable.generate} makes {digits} hex digits, "
                "which do not match its own pattern"
            )


def _of_templates(schema: EnvSchema) -> Iterator[str]:
    for name, template in schema.templates.items():
        if not NAME.fullmatch(name):
            yield f"templates/{name}: a-z, 0-9 and -, since it names a file"
        for place, pattern in _unmatched(template, schema):
            yield f"templates/{name}/variables/{place}: no variable has the name {pattern!r}"


def _unmatched(template: Template, schema: EnvSchema) -> Iterator[tuple[int, str]]:
    """Place and text of each pattern that no variable's name matches."""
    for place, pattern in enumerate(template.variables):
        if not fnmatch.filter(schema.variables, pattern):
            yield place, pattern


def _in_no_template(schema: EnvSchema) -> Iterator[str]:
    held = {variable for name in schema.templates for variable in schema.of_template(name)}
    # Without any variable the templates are wrong already, and another finding says so.
    for name, variable in schema.variables.items() if held else ():
        if variable.required and name not in held:
            yield f"templates: none of them holds {name}, which is required"
