"""Shows the shape of a URL and hides its secrets: providers put API keys anywhere in it."""

import re
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

HIDDEN: Final = "REDACTED"
INVALID: Final = "<invalid-url>"

_SAFE_SEGMENTS: Final = frozenset(
    {"", "v1", "v2", "v3", "api", "rpc", "eth", "mainnet", "cas", "mainnet_compact.dict"}
)
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_HOST: Final = re.compile(r"(?:[a-zA-Z0-9_.-]+|\[[0-9a-fA-F:.]+\])(?::[0-9]{1,5})?\Z")
_UNFIT: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")


def redact_url(url: str) -> str:
    """`url` with user, password, query values, fragment and unknown path segments hidden.

    What is no URL with a scheme and a host prints as `<invalid-url>`.
    """
    parts = _split(url)
    if parts is None:
        return INVALID
    credentials, at, host = parts.netloc.rpartition("@")
    if at:
        credentials = f"{HIDDEN}:{HIDDEN}" if ":" in credentials else HIDDEN
    path = "/".join(
        segment if segment in _SAFE_SEGMENTS else HIDDEN for segment in parts.path.split("/")
    )
    shown = f"{parts.scheme}://{credentials}{at}{host}{path}"
    if parts.query:
        shown += "?" + "&".join(_hide_value(pair) for pair in parts.query.split("&"))
    if parts.fragment:
        shown += "#" + HIDDEN
    return shown


def is_http_url(url: str) -> bool:
    """Whether `url` is one that this service can ask."""
    parts = _split(url)
    return parts is not None and parts.scheme in ("http", "https")


def secrets_of(url: str) -> frozenset[str]:
    """Every part of `url` that `redact_url` hides, so that other text can be cleaned of it."""
    parts = _split(url)
    if parts is None:
        return frozenset()
    credentials = parts.netloc.rpartition("@")[0]
    pieces = [
        *credentials.split(":"),
        *(segment for segment in parts.path.split("/") if segment not in _SAFE_SEGMENTS),
        *(pair.partition("=")[2] or pair for pair in parts.query.split("&")),
        parts.fragment,
    ]
    pieces += [unquote(piece) for piece in pieces]
    # Very short pieces would blot out ordinary words, and are no secrets worth the name.
    return frozenset(piece for piece in pieces if len(piece) >= 4)


def scrub(text: str, secrets: frozenset[str]) -> str:
    """`text` without any of `secrets`, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def scrub_within(value: Any, secrets: frozenset[str]) -> Any:
    """A JSON value whose texts have none of `secrets`."""
    if isinstance(value, str):
        return scrub(value, secrets)
    if isinstance(value, list):
        return [scrub_within(inner, secrets) for inner in value]
    if isinstance(value, dict):
        return {scrub(key, secrets): scrub_within(inner, secrets) for key, inner in value.items()}
    return value


def _split(url: str) -> SplitResult | None:
    # urlsplit would quietly drop control characters, so they are looked for first.
    if _UNFIT.search(url) or not _SCHEME.match(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not _HOST.match(parts.netloc.rpartition("@")[2]) or port == 0:
        return None
    return parts


def _hide_value(pair: str) -> str:
    """Hide the value of `name=value`; text without a name may be a secret as a whole."""
    name, equals, _ = pair.partition("=")
    return f"{name}={HIDDEN}" if equals else HIDDEN
