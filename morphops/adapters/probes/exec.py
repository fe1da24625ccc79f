"""Reads for the probe `exec`: one command inside of a container."""

from __future__ import annotations

from morphops.adapters.probes.context import ProbeContext, running_instance
from morphops.core.probes.exec import Exec
from morphops.core.requests import CommandRequest
from morphops.core.verify.reading import Reading
from morphops.errors import EngineCallFailed


def read_exec(probe: Exec, context: ProbeContext) -> Reading:
    """Run the command once, to its end or until its time is over."""
    instance = running_instance(context.running(), probe.service, context.slot)
    if instance is None:
        return Reading(False, f"{probe.service} does not run")
    request = CommandRequest(words=probe.command, limit=probe.timeout)
    try:
        end = context.target.execute(instance, request)
    except EngineCallFailed as err:
        return Reading(False, err.what, err.detail)
    return probe.judge(end.exit_code, end.lines)
