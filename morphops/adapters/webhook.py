"""One POST of a JSON object, bounded in time, whose URL is a secret.

Whatever goes wrong is told in words that do not hold the URL: the messages of the HTTP library do.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit


def post(url: str, body: Mapping[str, Any], *, timeout: float) -> str:
    """Send it, follow no redirect, and read nothing of the answer but its status.

    Args:
        url: http or https.
        body: becomes JSON.
        timeout: seconds for all of it: looking up the name, connecting, sending, waiting.

    Returns:
        why it was not taken; empty where it was.
    """
    if not _is_http(url):
        return "the URL must start with http:// or https://"
    said: list[str] = []
    # The library's own limits are for one read or connect each. A thread that is still at it when
    # the time is over is left alone: it ends with the process.
    worker = threading.Thread(target=lambda: said.append(_send(url, body, timeout)), daemon=True)
    worker.start()
    worker.join(timeout)
    return said[0] if said else _late(timeout)


def _send(url: str, body: Mapping[str, Any], timeout: float) -> str:
    import requests

    try:
        with requests.post(
            url, json=body, timeout=timeout, allow_redirects=False, stream=True
        ) as answer:
            status = answer.status_code
    except requests.Timeout:
        return _late(timeout)
    except Exception as err:  # also what is wrong with the URL itself, told by several classes
        return f"it could not be reached ({type(err).__name__})"
    if 200 <= status < 300:
        return ""
    redirect = ", and redirects are not followed" if 300 <= status < 400 else ""
    return f"it answered {status}{redirect}"


def _late(timeout: float) -> str:
    return f"there was no answer within {timeout:g} s"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
