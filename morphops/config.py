"""YAML text → bundle and env schema. Every error names its file and the path in it.

The dataclasses are the validator: pydantic checks the document against them, so a key that no
class knows is refused where it stands (`bundle.yaml: waves/0/servces: unknown key`).
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from morphops.bundle import (
    OFFLINE_PROBES,
    PROBES,
    Agree,
    Bundle,
    Probe,
    Same,
    Wave,
    param_expression,
)
from morphops.documents import FIELD, invalid
from morphops.envschema import EnvSchema
from morphops.errors import ConfigError

T = TypeVar("T")
_TEMPLATE = re.compile(r"[a-z0-9][a-z0-9-]*")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # compose-spec, "name top-level element"


def load_bundle(path: Path) -> Bundle:
    """Read a bundle file.

    Raises:
        ConfigError: it is not there, is no YAML, or does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such bundle",
            hint="set MORPHOPS_BUNDLE, or run inside of a checkout that has ops/bundle.yaml",
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"{path}: cannot be read: {err}") from None
    return parse_bundle(text, str(path))


def parse_bundle(text: str, source: str) -> Bundle:
    """A bundle from YAML text.

    Args:
        text: the document.
        source: how to name it in errors.

    Raises:
        ConfigError: with one line for each finding, in the form `source: path: what`.
    """
    raw = _yaml(text, source)
    # Probes are a union told apart by `kind`; validated one by one, an error says just what its
    # own kind lacks, and not what every other kind would have wanted.
    probes_raw = raw.pop("probes", {})
    bundle = _validate(Bundle, raw, source)
    if not isinstance(probes_raw, dict):
        raise ConfigError(f"{source}: probes: must be a mapping of names to probes")
    probes = {
        str(name): _probe(value, source, f"probes/{name}") for name, value in probes_raw.items()
    }
    bundle = dataclasses.replace(bundle, probes=probes)
    findings = tuple(_cross_check(bundle))
    if findings:
        raise _refuse(source, findings)
    return bundle


def parse_env_schema(text: str, source: str) -> EnvSchema:
    """An env schema from YAML text.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    schema = _validate(EnvSchema, _yaml(text, source), source)
    findings = []
    for name, variable in schema.variables.items():
        for key in ("same_as", "differs_from", "binds"):
            other = getattr(variable, key)
            if other and other not in schema.variables:
                findings.append(f"variables/{name}/{key}: no such variable {other!r}")
        try:
            re.compile(variable.pattern)
        except re.error as err:
            findings.append(f"variables/{name}/pattern: {err}")
    for name, template in schema.templates.items():
        if not _TEMPLATE.fullmatch(name):
            findings.append(f"templates/{name}: a-z, 0-9 and -, since it names a file")
        findings += [
            f"templates/{name}/variables/{place}: no variable has the name {pattern!r}"
            for place, pattern in enumerate(template.variables)
            if not fnmatch.filter(schema.variables, pattern)
        ]
    if findings:
        raise _refuse(source, tuple(findings))
    return schema


def parse_mapping(text: str, source: str, kind: type[T]) -> T:
    """Any other small document of ours, by the dataclass that describes it.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    return _validate(kind, _yaml(text, source), source)


def _cross_check(bundle: Bundle) -> list[str]:
    """What one field says of another."""
    findings = []
    if not _PROJECT.fullmatch(bundle.project):
        findings.append("project: a-z, 0-9, - and _, and a letter or digit first")
    variables: dict[str, str] = {}
    for name, image in bundle.images.items():
        if image.variable in variables:
            findings.append(
                f"images/{name}/variable: already that of {variables[image.variable]!r}"
            )
        variables[image.variable] = name
    for name, document in bundle.documents.items():
        for variable in document.provides:
            if variable in variables:
                findings.append(
                    f"documents/{name}/provides/{variable}: already that of {variables[variable]!r}"
                )
            variables[variable] = name
    seen: dict[str, int] = {}
    for number, wave in enumerate(bundle.waves):
        findings += [f"waves/{number}/{text}" for text in _times(wave)]
        for place, service in enumerate(wave.services):
            if service in seen:
                findings.append(
                    f"waves/{number}/services/{place}: {service} is in wave {seen[service]} already"
                )
            seen[service] = number
        for place, probe in enumerate(wave.probes):
            if probe not in bundle.probes:
                findings.append(f"waves/{number}/probes/{place}: no such probe {probe!r}")
    for place, check in enumerate(bundle.checks):
        if check not in bundle.probes:
            findings.append(f"checks/{place}: no such probe {check!r}")
        elif not isinstance(bundle.probes[check], OFFLINE_PROBES):
            findings.append(f"checks/{place}: {check!r} needs running services, so it is no check")
    for name, probe_spec in bundle.probes.items():
        findings += [f"probes/{name}/{text}" for text in _probe_findings(probe_spec, bundle, seen)]
    for name, document in bundle.documents.items():
        if re.search(r"[{}]", FIELD.sub("", document.path)):
            findings.append(f"documents/{name}/path: braces hold the name of a variable: {{NAME}}")
        findings += [
            f"documents/{name}/provides/{variable}: {why}"
            for variable, expression in document.provides.items()
            if (why := invalid(expression))
        ]
    return findings


def _times(timed: Wave | Probe) -> list[str]:
    keys = ("deadline", "interval", "timeout")
    return [f"{key}: must not be negative" for key in keys if getattr(timed, key, 0) < 0]


def _probe_findings(probe: Probe, bundle: Bundle, services: Mapping[str, int]) -> list[str]:
    findings = _times(probe)
    if isinstance(probe, Same) and len(set(probe.documents)) < 2:
        findings.append("documents: two different ones at least, or nothing is compared")
    if isinstance(probe, Agree) and not probe.services:
        findings.append("services: names none, so nobody is asked")
    named = [d for d in (getattr(probe, "document", ""), *getattr(probe, "documents", ())) if d]
    findings += [f"document: no such document {d!r}" for d in named if d not in bundle.documents]
    asked = [s for s in (getattr(probe, "service", ""), *getattr(probe, "services", ())) if s]
    findings += [f"services: {s!r} is in no wave" for s in asked if s not in services]
    expressions: dict[str, str] = {}
    for key in ("file", "bytes", "sha256", "rows", "expect"):
        expressions[key] = getattr(probe, key, "")
    for key in ("fields", "matches"):
        expressions |= {f"{key}/{label}": e for label, e in getattr(probe, key, {}).items()}
    for number, question in enumerate(getattr(probe, "questions", ())):
        expressions[f"questions/{number}/when"] = question.when
        expressions[f"questions/{number}/expect"] = question.expect
        for place, param in enumerate(question.params):
            if expression := param_expression(param):
                expressions[f"questions/{number}/params/{place}"] = expression
    findings += [f"{key}: {why}" for key, e in expressions.items() if e and (why := invalid(e))]
    fields = getattr(probe, "fields", {})
    for key in ("matches", "show"):
        findings += [
            f"{key}: {label!r} is none of the fields"
            for label in getattr(probe, key, ())
            if label not in fields
        ]
    return findings


def _probe(raw: Any, source: str, path: str) -> Probe:
    kind = str(raw.get("kind")) if isinstance(raw, dict) else ""
    if kind not in PROBES:
        raise ConfigError(f"{source}: {path}/kind: must be one of {', '.join(PROBES)}")
    return _validate(PROBES[kind], raw, source, path)


def _validate(kind: type[T], raw: Any, source: str, prefix: str = "") -> T:
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    _forbid_unknown_keys(kind, ConfigDict(extra="forbid", allow_inf_nan=False))
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as err:
        findings = []
        for item in err.errors(include_url=False, include_input=False):
            path = "/".join(str(part) for part in item["loc"])
            where = "/".join(part for part in (prefix, path) if part)
            findings.append(f"{where}: {_plain(item['type'], item['msg'])}")
        raise _refuse(source, tuple(findings)) from None


def _forbid_unknown_keys(kind: Any, config: Any, seen: set[Any] | None = None) -> None:
    """Tell pydantic to refuse unknown keys in a dataclass and in every dataclass inside of it.

    It is set from here, because the classes themselves must not import pydantic.
    """
    import typing

    seen = seen if seen is not None else set()
    if kind in seen:
        return
    seen.add(kind)
    if dataclasses.is_dataclass(kind):
        setattr(kind, "__pydantic_config__", config)  # noqa: B010 - not an attribute of its own
        for hint in typing.get_type_hints(kind).values():
            _forbid_unknown_keys(hint, config, seen)
    for argument in typing.get_args(kind):
        if isinstance(argument, type) or typing.get_args(argument):
            _forbid_unknown_keys(argument, config, seen)


def _plain(kind: str, message: str) -> str:
    return {
        "missing": "is missing",
        "missing_argument": "is missing",
        "unexpected_keyword_argument": "unknown key",
        "extra_forbidden": "unknown key",
    }.get(kind, message[:1].lower() + message[1:])


def _refuse(source: str, findings: tuple[str, ...]) -> ConfigError:
    if len(findings) == 1:
        return ConfigError(f"{source}: {findings[0]}")
    return ConfigError(
        f"{source}: {len(findings)} findings", detail=tuple(f"{source}: {f}" for f in findings)
    )


def _yaml(text: str, source: str) -> dict[str, Any]:
    import yaml

    try:
        _refuse_duplicates(yaml.compose(text, Loader=yaml.SafeLoader), source)
        raw = yaml.safe_load(text)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        what = getattr(err, "problem", None) or str(err).splitlines()[0]
        raise ConfigError(f"{source}{line}: {what}") from None
    except (ValueError, KeyError, AttributeError) as err:
        # What PyYAML lets out for a date like 2024-13-45 or `!!bool perhaps`.
        raise ConfigError(
            f"{source}: a value is not of the type that it looks like: {err}"
        ) from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{source}: must be a mapping of keys to values")
    return raw


def _refuse_duplicates(
    node: Any, source: str, path: str = "", seen: set[int] | None = None
) -> None:
    """YAML lets the last of two equal keys win in silence; here that is an error."""
    import yaml

    seen = seen if seen is not None else set()
    if id(node) in seen:  # an alias; it may even stand inside of what it means
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{source}:{line}: a key must be plain text")
            where = f"{path}/{key.value}".lstrip("/")
            if key.value in keys:
                raise ConfigError(f"{source}:{line}: {where}: stands here a second time")
            keys.add(key.value)
            _refuse_duplicates(value, source, where, seen)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _refuse_duplicates(item, source, f"{path}/{number}", seen)
