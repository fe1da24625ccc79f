"""Reads for the probe `http`: one GET through a published port."""

from __future__ import annotations

from morphops.adapters.probes.context import ProbeContext
from morphops.adapters.probes.published_port import direct_session, published
from morphops.core.probes.http import Http
from morphops.core.verify.reading import Reading

_TIMEOUT = 5  # seconds


def read_http(probe: Http, context: ProbeContext) -> Reading:
    """GET once."""
    import requests

    url, why = published(context, probe.service, probe.port)
    if not url:
        return Reading(False, why)
    with direct_session() as session:
        try:
            response = session.get(url + probe.path, timeout=_TIMEOUT)
        except requests.RequestException as err:
            return Reading(False, f"{probe.service} does not answer ({type(err).__name__})")
    return probe.judge(response.status_code, response.content)
