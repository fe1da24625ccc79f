"""Reads for the probe `agree`: asks each service from inside of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from morphops.adapters.probes.context import ProbeContext, running_instance
from morphops.core.probes.agree import Agree
from morphops.core.stack import Running
from morphops.core.verify.reading import Reading
from morphops.errors import PreconditionError

_TIMEOUT = 5  # seconds for one answer


def read_agree(probe: Agree, context: ProbeContext) -> Reading:
    """Ask all services, as often as the probe wants equal answers in a row."""
    running = context.running()
    document = context.documents[probe.document].data if probe.document else None
    reading = Reading(False, "nothing was read")
    before: Mapping[str, Any] | None = None
    for _ in range(max(1, probe.reads)):
        answers = _round(probe, context, running)
        if isinstance(answers, Reading):
            return answers
        reading, fields = probe.judge(answers, document)
        if not reading.ready:
            return reading
        if before is not None and fields != before:
            return Reading(False, "the answers are still changing")
        before = fields
    return reading


def _round(probe: Agree, context: ProbeContext, running: Running) -> Mapping[str, Any] | Reading:
    """Service → its JSON answer; or why one did not give any."""
    answers = {}
    for service in probe.services:
        instance = running_instance(running, service, context.slot)
        if instance is None:
            return Reading(False, f"{service} does not run")
        try:
            answers[service] = json.loads(context.target.http_get(instance, probe.url, _TIMEOUT))
        except PreconditionError as err:
            return Reading(False, f"{service} does not answer {probe.url}", err.detail)
        except (ValueError, RecursionError):
            return Reading(False, f"{service} answers {probe.url} with something else than JSON")
    return answers
