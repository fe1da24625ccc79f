"""Answers a registry's question who asks: Basic, or a token of its token service.

The Docker Registry v2 token authentication specification; OAuth 2 for identity tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from urllib.parse import urlencode

from morphops.adapters.registry.challenge import Challenge, parse
from morphops.adapters.registry.credentials import Credential
from morphops.adapters.registry.http_library import TransportError
from morphops.adapters.registry.origin import Origin
from morphops.adapters.registry.transport import Answer, Request, Transport

_TOKEN_ANSWER = 1 << 20  # bytes
_CLIENT = "morphops"
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class Refused(Exception):
    """The token service does not give a token.

    Args:
        status: of its answer.
        realm: its host.
    """

    def __init__(self, status: int, realm: str) -> None:
        super().__init__(status, realm)
        self.status = status
        self.realm = realm


class Authorizer:
    """Knows what to send to one registry.

    Args:
        origin: the registry's; nothing of what this returns may go elsewhere.
        transport: asks the token service.
        find: gets the credential; called once, when the registry asks for one.
    """

    def __init__(
        self, origin: Origin, transport: Transport, find: Callable[[], Credential | None]
    ) -> None:
        self._origin = origin
        self._transport = transport
        self._find = find
        self._known: dict[str, str] = {}

    @cached_property
    def credential(self) -> Credential | None:
        """The registry's credential in Docker's configuration, or none."""
        return self._find()

    def known(self, purpose: str) -> str:
        """Return the `Authorization` header that was accepted for the purpose, or nothing."""
        return self._known.get(purpose, "")

    def answer(self, challenges: str, purpose: str) -> str:
        """Return the `Authorization` header that answers a `WWW-Authenticate` header.

        Args:
            challenges: the header.
            purpose: what the answer is kept for.

        Returns:
            Nothing where there is no credential for what is asked.

        Raises:
            Refused: the token service gives no token.
            TransportError: the token service does not answer, or may not be asked.
        """
        by_scheme = {challenge.scheme: challenge for challenge in reversed(parse(challenges))}
        if bearer := by_scheme.get("bearer"):
            made = f"Bearer {self._token(bearer)}"
        elif "basic" in by_scheme and self.credential:
            made = self.credential.basic
        else:
            made = ""
        self._known[purpose] = made
        return made

    def _token(self, challenge: Challenge) -> str:
        credential = self.credential or Credential()
        if credential.registry_token:
            return credential.registry_token
        realm = challenge.parameters.get("realm", "")
        target = self._realm(realm)
        asked = {
            name: challenge.parameters[name]
            for name in ("service", "scope")
            if name in challenge.parameters
        }
        request = _token_request(realm, asked, credential)
        answer = self._transport.ask(request, _TOKEN_ANSWER)
        if answer.status != 200:
            raise Refused(answer.status, target.host)
        return _read_token(answer)

    def _realm(self, realm: str) -> Origin:
        try:
            target = Origin.of(realm)
        except ValueError as err:
            raise TransportError(f"its token service is {err}", "odd") from None
        if not self._origin.may_lead_to(target):
            raise TransportError(f"its token service {target.host} is plain HTTP", "odd")
        return target


def _token_request(realm: str, asked: Mapping[str, str], credential: Credential) -> Request:
    if credential.identity_token:
        form = {
            **asked,
            "grant_type": "refresh_token",
            "client_id": _CLIENT,
            "refresh_token": credential.identity_token,
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return Request("POST", realm, headers=kind, body=urlencode(form).encode())
    # A registry may name several scopes, with spaces between them: each is a parameter of its own.
    scopes = asked.get("scope", "").split()
    pairs = [("service", asked["service"])] if "service" in asked else []
    query = urlencode([*pairs, *(("scope", scope) for scope in scopes)])
    url = f"{realm}{'&' if '?' in realm else '?'}{query}" if query else realm
    return Request("GET", url, authorization=credential.basic)


def _read_token(answer: Answer) -> str:
    try:
        document = json.loads(answer.body)
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not _PRINTABLE.fullmatch(token):
        raise TransportError("its token service gives no token", "odd")
    return token
