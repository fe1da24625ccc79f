"""What one part of a bundle says of another. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from morphops.core.bundle.documents import FIELD
from morphops.core.bundle.schema import Bundle, Invariant, Notify, Wave
from morphops.core.env.encryption import RECIPIENT
from morphops.core.jmespath import syntax_error
from morphops.core.probes.specs import OFFLINE_PROBES, Agree, Probe, Same, param_expression
from morphops.core.release.reference import is_repository, registry_fault
from morphops.core.schema import NAME

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_FLAG = re.compile(r"--?[A-Za-z0-9][A-Za-z0-9_-]*(=\S+)?")

_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # compose-spec, "name top-level element"


def registry_findings(bundle: Bundle) -> list[str]:
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


def cross_findings(bundle: Bundle) -> list[str]:
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
            if (why := syntax_error(expression))
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
    if not NAME.fullmatch(name):
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
    findings += [
        f"{key}: {why}" for key, e in expressions.items() if e and (why := syntax_error(e))
    ]
    fields = getattr(probe, "fields", {})
    for key in ("matches", "show"):
        findings += [
            f"{key}: {label!r} is none of the fields"
            for label in getattr(probe, key, ())
            if label not in fields
        ]
    return findings
