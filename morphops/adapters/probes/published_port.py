"""HTTP through a published port of the stack."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from typing import TYPE_CHECKING, Any

from morphops.adapters.probes.context import ProbeContext, running_instance
from morphops.core.probes.values import brief

if TYPE_CHECKING:
    import requests

_LONGEST = 4 * 1024 * 1024  # bytes of an answer
_PART = 65_536


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a port answered; `location` is where it redirects to, empty where it does not."""

    status: int
    body: bytes
    location: str = ""


def ask(
    session: requests.Session,
    method: str,
    url: str,
    *,
    timeout: float,
    headers: Mapping[str, str],
    json: Any = None,
) -> Answer | str:
    """The first answer, or why there is none, to be put behind `no answer`.

    No redirect is followed. Neither a long answer nor one that comes byte by byte takes more than
    its time, because an automatic rollback may be waiting for it.

    Args:
        session: from `direct_session`.
        method: GET or POST.
        url: the URL to ask.
        timeout: seconds for all of it.
        headers: what is sent beside the usual ones.
        json: the body, if any.
    """
    found: list[Answer | str] = []

    def work() -> None:
        import requests

        try:
            with session.request(
                method,
                url,
                json=json,
                headers={"Accept-Encoding": "identity", **headers},
                timeout=timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                location = response.headers.get("Location", "") if response.is_redirect else ""
                found.append(_read(response, location))
        except requests.Timeout:
            found.append(late)
        except requests.RequestException as err:
            found.append(f"({type(err).__name__})")

    late = f"within {timeout:g} s"
    # The library's own limit is for two packets, however many there are.
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(timeout)
    return found[0] if found else late


def _read(response: requests.Response, location: str) -> Answer | str:
    body = b""
    for part in response.iter_content(_PART):
        body += part
        if len(body) > _LONGEST:
            return f"in {_LONGEST} bytes"
    return Answer(response.status_code, body, location)


def post(
    session: requests.Session,
    url: str,
    request: Mapping[str, Any],
    timeout: float,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """POST a JSON-RPC request; return the parsed response, or why there is none, as text.

    Args:
        session: from `direct_session`.
        url: the URL to ask.
        request: the JSON body.
        timeout: seconds for the whole answer.
        headers: what is sent beside the usual ones.
    """
    answer = ask(session, "POST", url, json=request, timeout=timeout, headers=headers or {})
    if isinstance(answer, str):
        return f"no answer {answer}"
    if answer.location:
        return f"HTTP {answer.status}, which redirects to {brief(answer.location)}"
    try:
        return loads(answer.body)
    except (ValueError, RecursionError):
        return f"HTTP {answer.status} and no JSON"
