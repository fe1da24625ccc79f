"""HTTP through a published port of the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from morphops.adapters.probes.context import ProbeContext, running_instance

if TYPE_CHECKING:
    import requests


def published(context: ProbeContext, service: str, port: int) -> tuple[str, str]:
    """The URL of a published port: (url, "") or ("", why there is none).

    Args:
        context: says what runs where, and which generation of the stack is asked.
        service, port: the container port.
    """
    instance = running_instance(context.running(), service, context.slot)
    if instance is None:
        return "", f"{service} does not run"
    address = context.target.published_at(instance, port)
    if not address:
        return "", f"{service} publishes no port {port}"
    return f"http://{address}", ""


@contextmanager
def direct_session() -> Iterator[requests.Session]:
    """A session that uses no proxy: one that the shell names cannot reach loopback."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        yield session


def post(session: requests.Session, url: str, request: Mapping[str, Any], timeout: float) -> Any:
    """POST a JSON-RPC request; return the parsed response, or why there is none, as text.

    Args:
        session: from `direct_session`.
        url: the URL to ask.
        request: the JSON body.
        timeout: seconds to connect, and between two packets of the answer.
    """
    import requests

    try:
        response = session.post(url, json=request, timeout=timeout)
    except requests.Timeout:
        return f"no answer within {timeout:g} s"
    except requests.RequestException as err:
        return f"no answer ({type(err).__name__})"
    try:
        return response.json()
    except ValueError:
        return f"HTTP {response.status_code} and no JSON"
