"""`inv smoke`."""

from __future__ import annotations

from typing import Any

from morphops.adapters import probes
from morphops.errors import GateFailed
from morphops.operations.pipeline import survey
from morphops.site import Site


def smoke(site: Site) -> dict[str, Any]:
    """Look once at every probe of what runs.

    Returns:
        probe → what it showed.

    Raises:
        GateFailed: one did not pass; all were looked at.
    """
    ready = survey.released(site)
    shown: dict[str, Any] = {}
    failed: list[str] = []
    names = [*ready.bundle.checks, *(p for wave in ready.bundle.waves for p in wave.probes)]
    for number, name in enumerate(names, start=1):
        site.observer.step(number, len(names), f"probe {name}")
        reading = probes.read(ready.bundle.probes[name], ready.context)
        site.observer.note(reading.reason)
        shown[name] = {"ready": reading.ready, "reason": reading.reason}
        if not reading.ready:
            failed += [f"{name}: {reading.reason}", *(f"  {line}" for line in reading.details)]
    if failed:
        raise GateFailed(
            "the smoke test failed",
            detail=tuple(failed),
            state="nothing was changed",
            hint="inv status; inv logs; inv rollback --reason=…",
        )
    return {"state": "healthy", "release": ready.release.digest, "probes": shown}
