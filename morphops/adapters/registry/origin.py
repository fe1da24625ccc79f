"""Decides which host may be asked, and over what. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from morphops.core.release.reference import is_loopback

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._:%-]+")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: a credential belongs to exactly one of them."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Read the origin of a URL.

        Raises:
            ValueError: it is not an HTTP URL, or holds a user's name.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            raise ValueError("a malformed URL") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("not an HTTP URL")
        if not _HOST.fullmatch(parts.hostname):  # it is shown in messages
            raise ValueError("a URL with a malformed host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a URL with a user's name")  # the library would send it
        try:
            port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            raise ValueError("a URL with a malformed port") from None
        return cls(parts.scheme, parts.hostname, port)

    @property
    def loopback(self) -> bool:
        """Tell whether it is on this machine."""
        return is_loopback(f"[{self.host}]" if ":" in self.host else self.host)

    def may_lead_to(self, target: Origin) -> bool:
        """Tell whether a redirect, a token realm or an upload may go on at another origin.

        Never from HTTPS to plain HTTP, and plain HTTP on loopback only.
        """
        if target.scheme == "https":
            return True
        return self.scheme == "http" and target.loopback


def base_url(registry: str) -> str:
    """Return the URL of a registry's API: plain HTTP on loopback, as Docker does, else HTTPS."""
    return f"{'http' if is_loopback(registry) else 'https'}://{registry}/v2"


def resolve(base: str, target: str) -> str:
    """Return the URL that a server means by a target, which may be relative to the URL asked.

    Raises:
        ValueError: it is not a URL.
    """
    try:
        return urljoin(base, target)
    except ValueError:
        raise ValueError("a malformed URL") from None
