"""`inv smoke`."""

from __future__ import annotations

from morphops.adapters import probes
from morphops.core.results.check import CheckFinding
from morphops.core.results.smoke import ProbeResult, Smoke
from morphops.core.verify.reading import Reading
from morphops.errors import GateFailed
from morphops.operations.pipeline import survey
from morphops.site import Site

_NEXT = "inv status; inv logs; inv rollback --reason=…"


def smoke(site: Site) -> Smoke:
    """Look once at every probe of what runs; exit code 3 where one does not pass.

    Questions that are drawn are others than those of any gate, unless the site has a seed.

    Raises:
        PreconditionError: nothing is there to look at.
    """
    ready = survey.released(site).asking(site.seed)
    readings: dict[str, Reading] = {}
    names = [*ready.bundle.checks, *(p for wave in ready.bundle.waves for p in wave.probes)]
    for number, name in enumerate(names, start=1):
        site.observer.step(number, len(names), f"probe {name}")
        readings[name] = probes.read(ready.bundle.probes[name], ready.context)
        site.observer.note(readings[name].reason)
    findings = tuple(_finding(name, r) for name, r in readings.items() if not r.ready)
    return Smoke(
        state="unhealthy" if findings else "healthy",
        exit=GateFailed.EXIT if findings else 0,
        findings=findings,
        next=_NEXT if findings else "",
        release=ready.release.digest,
        probes={
            name: ProbeResult(ready=r.ready, reason=r.reason, details=r.details)
            for name, r in readings.items()
        },
    )


def _finding(name: str, reading: Reading) -> CheckFinding:
    return CheckFinding(
        what=reading.reason,
        remedy=_NEXT,
        rule="probe",
        subjects=(name,),
        text=f"{name}: {reading.reason}",
    )
