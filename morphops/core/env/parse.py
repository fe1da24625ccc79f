"""YAML text → env schema. Pure."""

from __future__ import annotations

import fnmatch
import functools
import re

from morphops.core.env.schema import EnvSchema
from morphops.core.schema import NAME, read_mapping, refusal, validate_mapping


@functools.lru_cache(maxsize=16)  # one operation reads the schema of a release several times
def parse_env_schema(text: str, source: str) -> EnvSchema:
    """An env schema from YAML text.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    document, raw = read_mapping(text, source)
    schema = validate_mapping(EnvSchema, raw, document)
    findings = []
    for name, variable in schema.variables.items():
        for key in ("same_as", "differs_from", "binds"):
            other = getattr(variable, key)
            if other and other not in schema.variables:
                findings.append(f"variables/{name}/{key}: no such variable {other!r}")
        try:
            pattern = re.compile(variable.pattern or ".*", re.DOTALL)
        except re.error as err:
            findings.append(f"variables/{name}/pattern: {err}")
            continue
        if variable.default and not pattern.fullmatch(variable.default):
            findings.append(f"variables/{name}/default: does not match its own pattern")
        if variable.generate:
            made = "1" * 2 * int(variable.generate.removeprefix("hex"))
            if not pattern.fullmatch(made):
                findings.append(
                    f"variables/{name}/generate: {variable.generate} makes {len(made)} hex digits, "
                    "which its own pattern refuses"
                )
    for name, template in schema.templates.items():
        if not NAME.fullmatch(name):
            findings.append(f"templates/{name}: a-z, 0-9 and -, since it names a file")
        findings += [
            f"templates/{name}/variables/{place}: no variable has the name {pattern!r}"
            for place, pattern in enumerate(template.variables)
            if not fnmatch.filter(schema.variables, pattern)
        ]
    held = {variable for name in schema.templates for variable in schema.of_template(name)}
    findings += [
        f"templates: none of them holds {name}, which is required"
        for name, variable in schema.variables.items()
        # Of templates that are wrong already it would only say so once more.
        if held and variable.required and name not in held
    ]
    if findings:
        raise refusal(document, findings)
    return schema
