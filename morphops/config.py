"""YAML text → bundle and env schema. Every error names its file and the path in it.

The dataclasses are the validator: pydantic checks the document against them, so a key that no
class knows is refused where it stands (`bundle.yaml:41: waves/0/servces: unknown key`).
"""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import re
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from morphops import textfile
from morphops.agefile import RECIPIENT
from morphops.bundle import (
    OFFLINE_PROBES,
    PROBES,
    Agree,
    Bundle,
    Invariant,
    Notify,
    Probe,
    Same,
    Wave,
    param_expression,
)
from morphops.documents import FIELD, invalid
from morphops.envschema import EnvSchema
from morphops.errors import ConfigError
from morphops.model import is_repository
from morphops.yamltext import YamlText

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FLAG = re.compile(r"--?[A-Za-z0-9][A-Za-z0-9_-]*(=\S+)?")
# github.com/distribution/reference, "domain"; its brackets hold an IPv6 address.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::([0-9]+))?")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # compose-spec, "name top-level element"


def load_bundle(path: Path, registry: str = "") -> Bundle:
    """Read a bundle file of the working tree.

    Here the names in a registry are held to their grammar. `parse_bundle` leaves them alone: it
    reads kept releases too, and a way back asks no registry.

    Args:
        path: of the file.
        registry: what `MORPHOPS_REGISTRY` says; it replaces the file's.

    Raises:
        ConfigError: it is not there, is no YAML, or does not fit.
    """
    if not path.exists():
        raise ConfigError(
            f"{path}: there is no such bundle",
            hint="set MORPHOPS_BUNDLE, or run inside of a checkout that has ops/bundle.yaml",
        )
    if registry and (fault := registry_fault(registry)):
        # It is not repeated: somebody may have written a password into it.
        raise ConfigError(f"MORPHOPS_REGISTRY: {fault}", hint="MORPHOPS_REGISTRY=127.0.0.1:5000")
    try:
        text = textfile.read(path)
        bundle = parse_bundle(text, str(path))
        if registry:
            bundle = dataclasses.replace(bundle, registry=registry)
        if findings := _registry_names(bundle):
            raise _refuse(YamlText(str(path), text), findings)
        return bundle
    except ConfigError as err:
        hint = "mend what is named, then inv bundle.check"
        raise ConfigError(err.what, detail=err.detail, hint=hint) from None


def registry_fault(text: str) -> str:
    """What is wrong with the address of a registry; empty where it is `host[:port]`.

    The grammar is that of Docker's references: with another one no image could ever be pulled.
    """
    if "://" in text:
        return "must be host[:port]; leave https:// out"
    if "@" in text:
        return "must be host[:port]; credentials come by `docker login`"
    if "/" in text:
        return "must be host[:port]; a path belongs into `repository` and `releases`"
    found = _ADDRESS.fullmatch(text)
    if not found:
        return "must be host[:port]; write it as registry.example:5000"
    if found[1] and not 0 < int(found[1]) <= 65535:
        return "must be host[:port]; a port is 1 to 65535"
    return ""


def _registry_names(bundle: Bundle) -> list[str]:
    """What is wrong with the names that the bundle has in a registry."""
    fault = registry_fault(bundle.registry)
    findings = [f"registry: {fault}"] if fault else []
    names = {f"images/{name}/repository": image.repository for name, image in bundle.images.items()}
    for path, name in {"releases": bundle.releases, **names}.items():
        if not is_repository(name):
            findings.append(
                f"{path}: {name!r} is no name of a repository: a-z and 0-9, with . _ or - between "
                "them and / between its parts; the registry's address stands in `registry`"
            )
    return findings


def parse_bundle(text: str, source: str) -> Bundle:
    """A bundle from YAML text.

    Args:
        text: the document.
        source: how to name it in errors.

    Raises:
        ConfigError: with one line for each finding, in the form `source:line: path: what`.
    """
    document, raw = _mapping(text, source)
    # Probes are a union told apart by `kind`; validated one by one, an error says just what its
    # own kind lacks, and not what every other kind would have wanted.
    probes_raw = raw.pop("probes", {})
    bundle = _validate(Bundle, raw, document)
    if not isinstance(probes_raw, dict):
        raise _refuse(document, ["probes: must be a mapping of names to probes"])
    probes = {
        str(name): _probe(value, document, f"probes/{name}") for name, value in probes_raw.items()
    }
    bundle = dataclasses.replace(bundle, probes=probes)
    findings = _cross_check(bundle)
    if findings:
        raise _refuse(document, findings)
    return bundle


def parse_env_schema(text: str, source: str) -> EnvSchema:
    """An env schema from YAML text.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    document, raw = _mapping(text, source)
    schema = _validate(EnvSchema, raw, document)
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
        if not _NAME.fullmatch(name):
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
        raise _refuse(document, findings)
    return schema


def parse_mapping(text: str, source: str, kind: type[T]) -> T:
    """Any other small document of ours, by the dataclass that describes it.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    document, raw = _mapping(text, source)
    return _validate(kind, raw, document)


def _cross_check(bundle: Bundle) -> list[str]:
    """What one field says of another."""
    findings = []
    if not _PROJECT.fullmatch(bundle.project):
        findings.append("project: a-z, 0-9, - and _, and a letter or digit first")
    if bundle.retention.keep < 1:
        findings.append("retention/keep: 1 at least, or there is nothing to roll back to")
    if bundle.settle < 0:
        findings.append("settle: must not be negative")
    if bundle.pull.stalled_after <= 0:
        findings.append("pull/stalled_after: must be more than 0")
    findings += [
        f"env/recipients/{place}: {text!r} is no age recipient: age1 and 58 characters"
        for place, text in enumerate(bundle.env.recipients)
        if not RECIPIENT.fullmatch(text)
    ]
    findings += [
        f"accept/{number}/reason: say why" for number, a in enumerate(bundle.accept) if not a.reason
    ]
    findings += [
        f"hooks/{moment}/timeout: must be more than 0"
        for moment, hook in bundle.hooks.items()
        if hook.timeout <= 0
    ]
    if bundle.notify is not None:
        findings += [f"notify/{text}" for text in _notify(bundle.notify)]
    for name, invariant in bundle.invariants.items():
        findings += [f"invariants/{name}/{text}" for text in _invariant(name, invariant, bundle)]
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


def _notify(notify: Notify) -> list[str]:
    findings = []
    if not _VARIABLE.fullmatch(notify.url_from):
        # It is not repeated: somebody may have written the URL itself.
        findings.append("url_from: names the variable that holds the URL, and no URL")
    if notify.timeout <= 0:
        findings.append("timeout: must be more than 0")
    if not notify.moments:
        findings.append("moments: names none, so nobody is told")
    return findings


def _invariant(name: str, invariant: Invariant, bundle: Bundle) -> list[str]:
    findings = []
    if not _NAME.fullmatch(name):
        findings.append("name: a-z, 0-9 and -, since it is typed")
    if invariant.service not in {name for wave in bundle.waves for name in wave.services}:
        findings.append(f"service: {invariant.service!r} is in no wave; name one that is")
    if not invariant.forbids:
        findings.append("forbids: names no flag, so nothing is forbidden")
    findings += [
        f"forbids/{place}: {flag!r} is no flag: write --name, or --name=value"
        for place, flag in enumerate(invariant.forbids)
        if not _FLAG.fullmatch(flag)
    ]
    if not invariant.why:
        findings.append("why: say what is lost when it is broken")
    return findings


def _times(timed: Wave | Probe) -> list[str]:
    keys = ("deadline", "interval", "timeout")
    return [f"{key}: must not be negative" for key in keys if getattr(timed, key, 0) < 0]


def _probe_findings(probe: Probe, bundle: Bundle, services: Mapping[str, int]) -> list[str]:
    findings = _times(probe)
    if isinstance(probe, Same) and len(set(probe.documents)) < 2:
        findings.append("documents: two different ones at least, or nothing is compared")
    if isinstance(probe, Agree) and len(set(probe.services)) < 2:
        findings.append("services: two different ones at least, or nothing is compared")
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


def _probe(raw: Any, document: YamlText, path: str) -> Probe:
    kind = str(raw.get("kind")) if isinstance(raw, dict) else ""
    if kind not in PROBES:
        raise _refuse(document, [f"{path}/kind: must be one of {', '.join(PROBES)}"])
    return _validate(PROBES[kind], raw, document, path)


def _validate(kind: type[T], raw: Any, document: YamlText, prefix: str = "") -> T:
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    _forbid_unknown_keys(kind, ConfigDict(extra="forbid", allow_inf_nan=False))
    try:
        return TypeAdapter(kind).validate_python(raw)
    except ValidationError as err:
        findings = []
        for item in err.errors(include_url=False):
            path = "/".join(str(part) for part in item["loc"])
            where = "/".join(part for part in (prefix, path) if part)
            if item["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
                says = f"unknown key; {_nearest(kind, item['loc'])}"
            else:
                says = _plain(item["type"], item["msg"], item["input"])
            findings.append(f"{where}: {says}")
        raise _refuse(document, findings) from None


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


def _plain(kind: str, message: str, given: Any) -> str:
    """What is wrong, and what to write where that is known; of a text nothing is repeated."""
    if kind in ("missing", "missing_argument"):
        return "is missing; add it"
    if kind == "string_type" and isinstance(given, bool):
        return "must be text; put quotes around it"
    if kind == "string_type" and isinstance(given, (int, float)):
        return f'must be text; write "{given}"'
    if kind == "string_type":
        return "must be text; write it, or leave the key out"
    return message[:1].lower() + message[1:]


def _nearest(kind: Any, loc: Sequence[int | str]) -> str:
    """What may have been meant by an unknown key.

    Args:
        kind: the dataclass that the document is.
        loc: where the key stands in it.
    """
    for part in loc[:-1]:
        kind = _inside(kind, str(part))
    known = [field.name for field in dataclasses.fields(kind)] if kind else []
    near = difflib.get_close_matches(str(loc[-1]), known, 1, cutoff=0.7)
    if near:
        return f"did you mean {near[0]}?"
    return f"one of {', '.join(known)}" if known else "remove it"


def _inside(kind: Any, part: str) -> Any:
    """The dataclass that stands at a key, or an item, of another kind; None where none does."""
    import typing

    if dataclasses.is_dataclass(kind):
        kind = typing.get_type_hints(kind).get(part)
    else:  # of a mapping or a tuple, what it holds
        kind = next((a for a in reversed(typing.get_args(kind)) if a is not Ellipsis), None)
    arms = (kind, *typing.get_args(kind)) if isinstance(kind, types.UnionType) else (kind,)
    return next((arm for arm in arms if dataclasses.is_dataclass(arm)), kind)


def _refuse(document: YamlText, findings: Sequence[str]) -> ConfigError:
    """One error for all findings, each `path: what`, with the line of its path."""
    lines = []
    for finding in findings:
        path = finding.partition(":")[0].split("/")
        lines.append(f"{document.name}:{document.line(*path)}: {finding}")
    if len(lines) == 1:
        return ConfigError(lines[0])
    return ConfigError(f"{document.name}: {len(lines)} findings", detail=tuple(lines))


def _mapping(text: str, source: str) -> tuple[YamlText, dict[str, Any]]:
    document = YamlText(source, text)
    raw = document.load()
    if not isinstance(raw, dict):
        raise ConfigError(f"{source}: must be a mapping of keys to values")
    return document, raw
