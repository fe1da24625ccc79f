"""`requests` as this client uses it, and its exceptions as one of ours.

The project has it already, for probes and webhooks; it knows proxies and certificate bundles of the
environment. `httpx` would be a second HTTP library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import requests

Kind: TypeAlias = Literal["late", "broken", "odd"]


class TransportError(Exception):
    """An answer did not come, or not as it may.

    Args:
        why: a few words without a URL, which may hold a token.
        kind: `late`, `broken` (the connection), or `odd` (not as a registry answers).
    """

    def __init__(self, why: str, kind: Kind) -> None:
        super().__init__(why)
        self.why = why
        self.kind = kind


def open_session(direct: bool) -> requests.Session:
    """Return a session that keeps no cookies and leaves redirects to us.

    Args:
        direct: without the proxies of the environment.
    """
    from http.cookiejar import DefaultCookiePolicy

    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> None:
            """Find none: else the library reads the whole body of each redirect, and decodes it."""

    session = Session()
    # A proxy of the environment must not see what goes to loopback, and could not deliver it.
    session.trust_env = not direct
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


@contextmanager
def translated(stalled_after: float) -> Iterator[None]:
    """Translate what the library raises; its own texts hold URLs."""
    import requests
    import urllib3

    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise TransportError(f"no answer within {stalled_after:g} s", "late") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as err:
        raise TransportError(type(err).__name__, "broken") from None
    except ValueError as err:
        raise TransportError(type(err).__name__, "odd") from None
