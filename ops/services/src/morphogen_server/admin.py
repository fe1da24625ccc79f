"""`POST /admin/snapshot`: fetch the next snapshot, check it, swap it in."""

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from morphogen_http.client import HttpClient, NoAnswerError, Reason
from morphogen_pir.cuckoo import Seeds
from morphogen_server.config import ServerSettings, parse_hex, parse_seeds, parse_u64

_DOWNLOAD_SECONDS: Final = 600


class AdminError(Exception):
    """The request is refused.

    Attributes:
        status: the HTTP status that says how.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """What to load, and what it is; None keeps the settings' value."""

    url: str
    seeds: Seeds | None
    block_number: int | None
    state_root: bytes | None


def check_token(settings: ServerSettings, authorization: str | None) -> None:
    """Let only the holder of the token pass.

    Raises:
        AdminError: 403 when no token is set, 401 when it is not this one.
    """
    if settings.admin_bearer_token is None:
        raise AdminError(403, "admin requests are disabled: no token is configured")
    wanted = b"Bearer " + settings.admin_bearer_token.get_secret_value().encode()
    # Headers arrive as latin-1; bytes compare in constant time whatever they hold.
    if not hmac.compare_digest((authorization or "").encode("latin-1", "replace"), wanted):
        raise AdminError(401, "the bearer token is missing or wrong")


def parse_request(document: object) -> SnapshotRequest:
    """Read the body.

    Raises:
        AdminError: 400 when it is not as documented.
    """
    if not isinstance(document, dict) or not isinstance(document.get("url"), str):
        raise AdminError(400, "the body must be an object with a url")
    if unknown := sorted(document.keys() - {"url", "seeds", "block_number", "state_root"}):
        raise AdminError(400, f"unknown key {unknown[0]}")

    def optional(name: str, parse: Any) -> Any:
        try:
            return None if document.get(name) is None else parse(document[name])
        except ValueError as error:
            raise AdminError(400, f"{name}: {error}") from None

    return SnapshotRequest(
        document["url"],
        optional("seeds", parse_seeds),
        optional("block_number", parse_u64),
        optional("state_root", lambda value: parse_hex(value, 32)),
    )


async def fetch(settings: ServerSettings, url: str) -> bytes:
    """The bytes of a snapshot, from where the settings allow it.

    Raises:
        AdminError: 403 when the place is not allowed, 413 when it is too large, 502 when it
            cannot be had, 400 when the URL is none.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise AdminError(400, "url: not a URL") from None
    limit = settings.admin_snapshot_max_bytes
    if parts.scheme == "file":
        if not settings.admin_allow_local_snapshot:
            raise AdminError(403, "local snapshots are not allowed")
        return _read_local(Path(unquote(parts.path)), limit)
    if parts.scheme not in ("http", "https") or not host:
        raise AdminError(400, "url: must be http, https or file")
    allowed = settings.admin_snapshot_allowed_hosts
    if host not in allowed and f"{host}:{port}" not in allowed:
        raise AdminError(403, "this host may not give snapshots")
    return await _download(url, limit)


def _read_local(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise AdminError(502, f"the snapshot cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise AdminError(413, f"the snapshot is larger than {limit} bytes")
    return data


async def _download(url: str, limit: int) -> bytes:
    try:
        # No proxy from the environment and no redirects: the host that was allowed, no other.
        async with HttpClient(proxies=False) as client:
            answer = await client.request("GET", url, seconds=_DOWNLOAD_SECONDS, limit=limit)
    except NoAnswerError as error:
        if error.reason is Reason.TOO_LARGE:
            raise AdminError(413, f"the snapshot is larger than {limit} bytes") from None
        raise AdminError(502, f"the snapshot cannot be fetched: its host {error}") from None
    if answer.status != 200:
        raise AdminError(502, f"the snapshot's host answered {answer.status}")
    return answer.body
