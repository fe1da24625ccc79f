"""Where the probes of a bundle belong that says no waves or checks. Pure."""

from __future__ import annotations

from typing import Any

from morphops.core.probes.specs import PROBES


def of_probes(raw: Any) -> tuple[list[str], dict[str, list[str]]]:
    """The probes that read files only; and of the others, each with the services that it needs.

    Args:
        raw: what the bundle says at `probes`; what is wrong with it is told elsewhere.
    """
    offline: list[str] = []
    running: dict[str, list[str]] = {}
    for name, probe in (raw if isinstance(raw, dict) else {}).items():
        kind = PROBES.get(str(probe.get("kind"))) if isinstance(probe, dict) else None
        if kind is None:
            continue
        if kind.offline:
            offline.append(name)
        else:
            needs = [probe.get("service"), *(probe.get("services") or ())]
            running[name] = [*filter(None, needs), *(probe.get("judges") or ())]
    return offline, running
