"""Reads for the probe `http`: one GET through a published port."""

from __future__ import annotations

from morphops.adapters.probes.context import ProbeContext
from morphops.adapters.probes.published_port import ask, direct_session, published
from morphops.core.probes.http import Http
from morphops.core.verify.reading import Reading

_TIMEOUT = 5  # seconds


def read_http(probe: Http, context: ProbeContext) -> Reading:
    """GET once; what answers is judged, and not what it redirects to (RFC 9110, 15.4)."""
    url, why = published(context, probe.service, probe.port)
    if not url:
        return Reading(False, why)
    with direct_session() as session:
        answer = ask(session, "GET", url + probe.path, timeout=_TIMEOUT, headers=probe.headers)
    if isinstance(answer, str):
        return Reading(False, f"{probe.service} does not answer {answer}")
    return probe.judge(answer.status, answer.body, answer.location)
