"""Rules for the bundle's waves, probes, profiles and images against the services. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from morphops.core.bundle.schema import Bundle
from morphops.core.checks.healthcheck import weakness
from morphops.core.checks.interpolation import Use
from morphops.core.finding import Finding
from morphops.core.jobs import undo_services
from morphops.core.rule import Breach, Path, Rule, at, findings
from morphops.core.verify import invariants
from morphops.core.yaml_text import YamlText

Services: TypeAlias = Mapping[str, Mapping[str, Any]]
Broken: TypeAlias = Iterator[Breach[Path]]

INVARIANT = "invariant"  # a rule's name, for `accept:`
PATIENCE = "health-patience"

_SLOW_START = 20.0  # seconds that a service may take to its first good answer on a busy machine
_INTERVAL, _RETRIES = 30.0, 3  # what the engine takes where a health check does not say it

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class Stack:
    """A bundle and the services that its compose files describe.

    Attributes:
        bundle: as it was read.
        services: as Compose renders them with every profile on.
        variables: the variables that the compose files use.
    """

    bundle: Bundle
    services: Services
    variables: frozenset[str]

    @property
    def placed(self) -> Iterator[tuple[int, int, str]]:
        """Yields each service that a wave names: the wave, the place in it, the service."""
        for number, wave in enumerate(self.bundle.waves):
            yield from ((number, place, name) for place, name in enumerate(wave.services))

    @property
    def wave_of(self) -> dict[str, int]:
        """The number of each service's wave."""
        return {name: number for number, _, name in self.placed}


def check(
    bundle: Bundle, services: Services, uses: Sequence[Use], text: YamlText
) -> Iterator[Finding]:
    """Yields what is wrong with a bundle.

    Args:
        bundle, services: see `Stack`.
        uses: the variables that the compose files use.
        text: the bundle's own text, for the lines.
    """
    stack = Stack(bundle, services, frozenset(use.name for use in uses))
    return findings(RULES, stack, text.locate)


def _without_wave(stack: Stack) -> Broken:
    known = {*stack.wave_of, *undo_services(stack.bundle)}
    return (at("waves", service=name) for name in stack.services if name not in known)


def _unknown_undo(stack: Stack) -> Broken:
    for job, about in stack.bundle.jobs.items():
        if about.undo and about.undo not in stack.services:
            yield at("jobs", job, "undo", job=job, undo=about.undo)


def _unknown_service(stack: Stack) -> Broken:
    for wave, place, name in stack.placed:
        if name not in stack.services:
            # People count waves from 1, as a plan does.
            yield at("waves", str(wave), "services", str(place), wave=wave + 1, service=name)


def _short_deadline(stack: Stack) -> Broken:
    for wave, _, name in stack.placed:
        grace, deadline = _patience(stack.services.get(name, {})), stack.bundle.waves[wave].deadline
        if deadline < grace:
            words = {"wave": wave + 1, "service": name, "deadline": deadline, "grace": grace}
            yield at("waves", str(wave), "deadline", **words)


def _short_patience(stack: Stack) -> Broken:
    for wave, place, name in stack.placed:
        grace, deadline = _patience(stack.services.get(name, {})), stack.bundle.waves[wave].deadline
        if 0 < grace < min(deadline, _SLOW_START):
            words = {"wave": wave + 1, "service": name, "deadline": deadline, "grace": grace}
            yield Breach(("waves", str(wave), "services", str(place)), words, (name,))


def _patience(service: Mapping[str, Any]) -> float:
    """Seconds until the engine calls a container unhealthy that never answers; 0 if it never does.

    Failures count after `start_period`, and `retries` of them in a row are one too many
    (docs.docker.com, Dockerfile reference, HEALTHCHECK).
    """
    check = service.get("healthcheck") or {}
    if weakness(check) == "missing":
        return 0.0
    interval = seconds(check.get("interval")) or _INTERVAL
    return seconds(check.get("start_period")) + (check.get("retries") or _RETRIES) * interval


def _late_dependency(stack: Stack) -> Broken:
    wave_of = stack.wave_of
    for wave, place, name in stack.placed:
        for other in stack.services.get(name, {}).get("depends_on") or ():
            late = wave_of.get(other, -1)
            if late >= wave:
                words = {"wave": wave + 1, "service": name, "other": other, "late": late + 1}
                yield at("waves", str(wave), "services", str(place), **words)


def _early_probe(stack: Stack) -> Broken:
    wave_of = stack.wave_of
    for number, wave in enumerate(stack.bundle.waves):
        for place, probe in enumerate(wave.probes):
            for service in stack.bundle.probes[probe].asks.services:
                late = wave_of[service] + 1
                if late > number + 1:
                    words = {"wave": number + 1, "probe": probe, "service": service, "late": late}
                    yield at("waves", str(number), "probes", str(place), **words)


def _unused_probe(stack: Stack) -> Broken:
    bundle = stack.bundle
    used = {*bundle.checks, *(probe for wave in bundle.waves for probe in wave.probes)}
    return (at("probes", name, probe=name) for name in bundle.probes if name not in used)


def _unpublished_port(stack: Stack) -> Broken:
    for name, probe in stack.bundle.probes.items():
        port = probe.asks.port
        for service in probe.asks.services if port else ():
            published = stack.services.get(service, {}).get("ports") or ()
            if port not in {int(item["target"]) for item in published if item.get("published")}:
                yield at("probes", name, "port", probe=name, service=service, port=port)


def _unknown_profile(stack: Stack) -> Broken:
    known = {name for spec in stack.services.values() for name in spec.get("profiles") or ()}
    for profile in stack.bundle.compose.profiles:
        if profile not in known:
            yield at("compose", "profiles", profile, profile=profile)


def _unused_image(stack: Stack) -> Broken:
    for variable, image in stack.bundle.image_variables.items():
        if variable not in stack.variables:
            yield at("images", image, "variable", image=image, variable=variable)


def _unknown_pinned(stack: Stack) -> Broken:
    for image, spec in stack.bundle.images.items():
        for place, name in enumerate(spec.services):
            if name not in stack.services:
                path = ("images", image, "services", str(place))
                yield at(*path, image=image, service=name)


def _unused_provided(stack: Stack) -> Broken:
    for document, about in stack.bundle.documents.items():
        for variable in about.provides:
            if variable not in stack.variables:
                path = ("documents", document, "provides", variable)
                yield at(*path, document=document, variable=variable)


def ending(bundle: Bundle, services: Services) -> frozenset[str]:
    """Returns the services that end: jobs, and what takes back what they did.

    Args:
        bundle: names them.
        services: as Compose renders them; one whose end another waits for is a job as well.
    """
    waited = {
        name
        for spec in services.values()
        for name, how in (spec.get("depends_on") or {}).items()
        if how.get("condition") == "service_completed_successfully"
    }
    return undo_services(bundle) | waited | bundle.jobs.keys()


def _broken_invariant(stack: Stack) -> Broken:
    lines = {
        name: ([*(spec.get("entrypoint") or ()), *(spec.get("command") or ())],)
        for name, spec in stack.services.items()
    }
    for breach in invariants.breaches(stack.bundle.invariants, lines, ()):
        words = {"flag": breach.flag, "name": breach.name, "why": breach.why}
        yield Breach(("invariants", breach.name), words, (breach.service,))


RULES: tuple[Rule[Stack, Path], ...] = (
    Rule("", _without_wave, "service {service} is in no wave, so nothing starts it", "add it"),
    Rule(
        "",
        _unknown_undo,
        "job {job}: no compose file has a service {undo}",
        "fix its name, or remove it",
    ),
    Rule(
        "",
        _unknown_service,
        "wave {wave}: no compose file has a service {service}",
        "fix its name, or remove it",
    ),
    Rule(
        "",
        _short_deadline,
        "wave {wave}: its deadline of {deadline:g} s ends before {service} can be found unhealthy "
        "({grace:g} s)",
        "write a later deadline, or a shorter start_period, interval or retries",
    ),
    Rule(
        PATIENCE,
        _short_patience,
        "wave {wave}: the engine calls it unhealthy after {grace:g} s without a good answer, and a "
        "deploy fails then, whatever the deadline of {deadline:g} s says",
        "write start_period: 30s into its health check, or more retries",
    ),
    Rule(
        "",
        _late_dependency,
        "wave {wave}: {service} depends on {other}, which is in wave {late}",
        "put {other} into an earlier wave",
    ),
    Rule(
        "",
        _early_probe,
        "wave {wave}: probe {probe} asks {service}, which is in wave {late}",
        "ask it in wave {late}",
    ),
    Rule("", _unused_probe, "probe {probe} is used by no wave and no check", "add it to one"),
    Rule(
        "",
        _unpublished_port,
        "probe {probe}: {service} publishes no port {port}",
        "publish it on loopback, or fix the probe",
    ),
    Rule("", _unknown_profile, "no service has the profile {profile}", "fix its name"),
    Rule(
        "",
        _unknown_pinned,
        "image {image} is of the service {service}, and no compose file has such a service",
        "correct its name, or remove it",
    ),
    Rule(
        "",
        _unused_image,
        "no compose file uses {variable}, the variable of image {image}",
        "write image: ${{{variable}:?is not set}} where it runs",
    ),
    Rule(
        "",
        _unused_provided,
        "no compose file uses {variable}, which document {document} provides",
        "use it, or remove it",
    ),
    Rule(
        INVARIANT,
        _broken_invariant,
        "{flag} is on its command line, which invariant {name} forbids: {why}",
        "remove it in the compose files",
    ),
)


def seconds(duration: Any) -> float:
    """Returns a duration of Compose (`1m30s`) in seconds; 0 if there is none."""
    found = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", str(duration or ""))
    return sum(float(number) * _UNITS[unit] for number, unit in found)
