"""The bundle's waves, probes, profiles and images against the services that there are. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from morphops.core.bundle.schema import Bundle
from morphops.core.checks.interpolation import Use
from morphops.core.finding import Finding
from morphops.core.verify import invariants
from morphops.core.yaml_text import YamlText

Services: TypeAlias = Mapping[str, Mapping[str, Any]]
# What is wrong, how to mend it, and the path in the bundle's file.
Tell: TypeAlias = Callable[..., Finding]

INVARIANT = "invariant"  # the rule's name, for `accept:`

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def check(
    bundle: Bundle, services: Services, uses: Sequence[Use], text: YamlText
) -> Iterator[Finding]:
    """Findings in the bundle.

    Args:
        bundle: as it was read.
        services: as Compose renders them with every profile on.
        uses: the variables that the compose files name.
        text: the bundle's own text, for the lines.
    """

    def tell(what: str, remedy: str, *path: str) -> Finding:
        return Finding(text.name, text.line(*path), what, remedy)

    yield from _waves(bundle, services, tell)
    yield from _order(bundle, services, tell)
    yield from _probes(bundle, services, tell)
    yield from _names(bundle, services, uses, tell)
    yield from _invariants(bundle, services, text)


def _waves(bundle: Bundle, services: Services, tell: Tell) -> Iterator[Finding]:
    """Each service is in a wave, and a wave waits long enough for it."""
    known = {name for wave in bundle.waves for name in wave.services}
    for name in services:
        if name not in known:
            yield tell(f"service {name} is in no wave, so nobody starts it", "add it", "waves")
    for number, wave in enumerate(bundle.waves):
        path = ("waves", str(number))
        for at, name in enumerate(wave.services):
            if name not in services:
                yield tell(
                    f"wave {number}: no compose file has a service {name}",
                    "mend its name, or leave it out",
                    *(*path, "services", str(at)),
                )
                continue
            grace = seconds((services[name].get("healthcheck") or {}).get("start_period"))
            if wave.deadline < grace:
                yield tell(
                    f"wave {number}: its deadline of {wave.deadline:g} s ends before {name} can be "
                    f"found unhealthy ({grace:g} s)",
                    "write a later deadline, or a shorter start_period",
                    *(*path, "deadline"),
                )


def _order(bundle: Bundle, services: Services, tell: Tell) -> Iterator[Finding]:
    """What a service depends on, and what a probe asks, is started before."""
    wave_of = {name: n for n, wave in enumerate(bundle.waves) for name in wave.services}
    for number, wave in enumerate(bundle.waves):
        for at, name in enumerate(wave.services):
            for other in services.get(name, {}).get("depends_on") or ():
                if wave_of.get(other, -1) >= number:
                    yield tell(
                        f"wave {number}: {name} depends on {other}, which is in wave "
                        f"{wave_of[other]}",
                        f"put {other} into an earlier wave",
                        *("waves", str(number), "services", str(at)),
                    )
        for at, probe in enumerate(wave.probes):
            for service in bundle.probes[probe].asks.services:
                if wave_of[service] > number:
                    yield tell(
                        f"wave {number}: probe {probe} asks {service}, which is in wave "
                        f"{wave_of[service]}",
                        "ask it in that wave",
                        *("waves", str(number), "probes", str(at)),
                    )


def _probes(bundle: Bundle, services: Services, tell: Tell) -> Iterator[Finding]:
    """Each probe is asked by somebody, and through a port that is published."""
    used = {*bundle.checks, *(probe for wave in bundle.waves for probe in wave.probes)}
    for name, probe in bundle.probes.items():
        if name not in used:
            yield tell(f"probe {name} is asked by no wave and no check", "add it", "probes", name)
        port = probe.asks.port
        for service in probe.asks.services if port else ():
            published = services.get(service, {}).get("ports") or ()
            if port not in {int(item["target"]) for item in published if item.get("published")}:
                yield tell(
                    f"probe {name}: {service} publishes no port {port}",
                    "publish it on loopback, or mend the probe",
                    *("probes", name, "port"),
                )


def _names(
    bundle: Bundle, services: Services, uses: Sequence[Use], tell: Tell
) -> Iterator[Finding]:
    """Profiles and variables that the bundle names stand in the compose files."""
    profiles = {name for service in services.values() for name in service.get("profiles") or ()}
    for profile in bundle.compose.profiles:
        if profile not in profiles:
            path = ("compose", "profiles", profile)
            yield tell(f"no service has the profile {profile}", "mend its name", *path)
    named = {use.name for use in uses}
    for image, spec in bundle.images.items():
        if spec.variable not in named:
            yield tell(
                f"no compose file names {spec.variable}, the variable of image {image}",
                f"write image: ${{{spec.variable}:?is not set}} where it runs",
                *("images", image, "variable"),
            )
    for document, about in bundle.documents.items():
        for variable in about.provides:
            if variable not in named:
                yield tell(
                    f"no compose file names {variable}, which document {document} provides",
                    "use it, or leave it out",
                    *("documents", document, "provides", variable),
                )


def _invariants(bundle: Bundle, services: Services, text: YamlText) -> Iterator[Finding]:
    """No command line of the compose files breaks an invariant."""
    lines = {
        name: ([*(spec.get("entrypoint") or ()), *(spec.get("command") or ())],)
        for name, spec in services.items()
    }
    for breach in invariants.breaches(bundle.invariants, lines, ()):
        yield Finding(
            text.name,
            text.line("invariants", breach.name),
            f"{breach.flag} is on its command line, which invariant {breach.name} forbids: "
            f"{breach.why}",
            "take it off in the compose files",
            INVARIANT,
            (breach.service,),
        )


def seconds(duration: Any) -> float:
    """A duration of Compose (`1m30s`) in seconds; 0 where there is none."""
    found = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", str(duration or ""))
    return sum(float(number) * _UNITS[unit] for number, unit in found)
