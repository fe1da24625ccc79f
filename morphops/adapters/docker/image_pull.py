"""Pulls an image, and gives up when nothing comes any more.

The engine waits without end for a registry that falls silent in the middle of a layer. How long a
whole pull may take depends on its size. So the silence is what is bounded: a message that says
something new of its layer is progress. The engine stops pulling when the connection is closed.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.engine_http import Refusal, Stream
from morphops.adapters.registry.credentials import Credential, DockerConfig
from morphops.core.release.reference import HUB, ImageRef

_HUB_ACCOUNT = "https://index.docker.io/v1/"
_EVERY = 64 << 20  # bytes from one word about them to the next
_MEGABYTE = 1e6


class Progress:
    """Finds out of the messages of a pull (CreateImageInfo) what is new, and counts bytes."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int]] = {}
        self._sizes: dict[str, tuple[int, int]] = {}  # layer → bytes that came, bytes in all
        self._told = 0

    def is_new(self, message: Mapping[str, Any]) -> bool:
        """Take a message in, and return whether it says of its layer what was not said before.

        That a try failed and is made again is not progress.
        """
        status, layer = str(message.get("status") or ""), str(message.get("id") or "")
        detail = message.get("progressDetail") or {}
        current, total = _count(detail, "current"), _count(detail, "total")
        if status.startswith("Retrying") or self._last.get(layer) == (status, current):
            return False
        self._last[layer] = status, current
        if status == "Downloading" and total > 0:
            self._sizes[layer] = current, total
        elif status in ("Download complete", "Pull complete") and layer in self._sizes:
            whole = self._sizes[layer][1]
            self._sizes[layer] = whole, whole
        return True

    def report(self, message: Mapping[str, Any]) -> str:
        """Return what to tell of a new message; empty for most."""
        status, layer = str(message.get("status") or ""), str(message.get("id") or "")
        came = sum(came for came, _ in self._sizes.values())
        size = sum(whole for _, whole in self._sizes.values())
        numbers = f"{came / _MEGABYTE:.1f} of {size / _MEGABYTE:.1f} MB" if size else ""
        if status in ("Pull complete", "Already exists"):
            return f"{layer}: {status} ({numbers})" if numbers else f"{layer}: {status}"
        if came - self._told >= _EVERY:
            self._told = came
            return numbers
        return ""


def pull(
    docker: Docker, reference: str, *, stalled_after: float, say: Callable[[str], None]
) -> None:
    """Pull an image by its digest, with the credentials of Docker's configuration.

    Args:
        docker: the engine.
        reference: `repository@sha256:…`.
        stalled_after: seconds without progress after which the pull is given up.
        say: told of each layer that is here, and how many bytes came.

    Raises:
        InputError: the reference has no digest.
        EngineCallFailed: the registry refuses, sends something else, or nothing more.
        EngineUnavailable: no engine answers.
        PreconditionError: a credential helper does not work.
    """
    image = ImageRef.parse(reference)
    auth = registry_auth(image.host, DockerConfig.load().find(image.host))
    with docker.engine.pull(image.repository, image.digest, auth, stalled_after) as messages:
        _follow(messages, stalled_after, say)


def registry_auth(host: str, credential: Credential | None) -> str:
    """Return the `X-Registry-Auth` header (Engine API, AuthConfig); empty without a credential."""
    if credential is None:
        return ""
    config = {
        "username": credential.username,
        "password": credential.password,
        "identitytoken": credential.identity_token,
        "registrytoken": credential.registry_token,
        "serveraddress": _HUB_ACCOUNT if host == HUB else host,
    }
    said = {name: value for name, value in config.items() if value}
    return base64.urlsafe_b64encode(json.dumps(said).encode()).decode()


def _follow(messages: Stream, stalled_after: float, say: Callable[[str], None]) -> None:
    """Read the messages to their end.

    Raises:
        NoAnswer: there was no progress for too long.
        Refusal: the pull failed.
    """
    progress = Progress()
    heard = time.monotonic()
    while (message := messages.next(heard + stalled_after - time.monotonic())) is not None:
        if error := message.get("error"):
            raise Refusal(200, str(error))
        if progress.is_new(message):
            heard = time.monotonic()
            if text := progress.report(message):
                say(text)


def _count(detail: Mapping[str, Any], name: str) -> int:
    number = detail.get(name)
    return number if isinstance(number, int) else 0
