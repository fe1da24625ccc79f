"""Reads for the probe `inside`: one GET from inside of a container."""

from __future__ import annotations

from morphops.adapters.probes.context import ProbeContext, running_instance
from morphops.core.probes.inside import Inside
from morphops.core.verify.reading import Reading
from morphops.errors import EngineCallFailed


def read_inside(probe: Inside, context: ProbeContext) -> Reading:
    """GET once; what answers with an error has not answered."""
    instance = running_instance(context.running(), probe.service, context.slot)
    if instance is None:
        return Reading(False, f"{probe.service} does not run")
    try:
        body = context.target.http_get(instance, probe.url, probe.timeout)
    except EngineCallFailed as err:
        return Reading(False, f"{probe.url} does not answer {probe.service}", err.detail)
    return probe.judge(body)
