"""HTTP through a published port of the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from morphops.adapters.probes.context import running_instance
from morphops.core.stack import Running

if TYPE_CHECKING:
    import requests


def published(running: Running, service: str, port: int, slot: str = "") -> tuple[str, str]:
    """The URL of a published port: (url, "") or ("", why there is none).

    Args:
        running: what is there.
        service, port: the container port.
        slot: the generation of the stack that is asked.
    """
    instance = running_instance(running, service, slot)
    if instance is None:
        return "", f"{service} does not run"
    for mapping in instance.ports:
        if mapping.target == port and mapping.protocol == "tcp":
            host = "127.0.0.1" if mapping.host in ("", "0.0.0.0", "::") else mapping.host  # noqa: S104 - read, not bound
            return f"http://{f'[{host}]' if ':' in host else host}:{mapping.published}", ""
    return "", f"{service} publishes no port {port}"


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
