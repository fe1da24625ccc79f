"""One question to a registry: its answer, or an error of the project's tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from morphops.adapters.registry.auth import Authorizer, Refused
from morphops.adapters.registry.credentials import DockerConfig
from morphops.adapters.registry.http_library import TransportError
from morphops.adapters.registry.origin import Origin, base_url, resolve
from morphops.adapters.registry.transport import Answer, Request, Stream, Transport
from morphops.core.release.reference import HUB
from morphops.errors import InputError, MorphopsError, NotFound, RegistryError

ANSWER_LIMIT = 4 << 20  # bytes; what the spec says a manifest may have, and enough for the others
_NOT_CHANGED = "nothing was changed"
_MAYBE_SENT = "the registry may have taken it; to do it again does no harm"


class HasStatus(Protocol):
    """What both kinds of answer say."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def foreign(self) -> bool: ...


_Reply = TypeVar("_Reply", bound=HasStatus)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a registry.

    Attributes:
        doing: completes "could not …".
        method: of HTTP.
        path: below `/v2`, or a whole URL that the registry gave.
        headers: without credentials.
        body: bytes, or a file that is streamed.
        repository: whose token is used; empty for the registry itself.
    """

    doing: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path | None = field(default=None, repr=False)
    repository: str = ""

    @property
    def reads(self) -> bool:
        """Tell whether it changes nothing."""
        return self.method in ("GET", "HEAD")


class Exchange:
    """Asks one registry.

    Args:
        host: `host[:port]`.
        stalled_after: seconds in which nothing comes, after which an answer is given up.
        whole: seconds for a small answer from begin to end.

    Raises:
        InputError: Docker's configuration cannot be read, or the host is malformed.
    """

    def __init__(self, host: str, *, stalled_after: float, whole: float) -> None:
        self.host = host
        self._base = base_url(host)
        try:
            self.origin = Origin.of(self._base)
        except ValueError as err:
            raise InputError(
                f"{host.rpartition('@')[2]!r} is not the address of a registry: {err}",
                state=_NOT_CHANGED,
                hint="write host[:port]",
            ) from None
        self.transport = Transport(stalled_after=stalled_after, whole=whole)
        config = DockerConfig.load()
        self._auth = Authorizer(self.origin, self.transport, lambda: config.find(host))

    def ask(self, question: Question, most: int = ANSWER_LIMIT) -> Answer:
        """Ask, and return the answer, whatever its status is.

        Args:
            question: what to ask.
            most: bytes that the answer may have.

        Raises:
            RegistryError: no answer came that may be used.
        """
        return self._authorized(question, lambda request: self.transport.ask(request, most))

    def open(self, question: Question) -> Stream:
        """Ask, and return the answer before its body is read; the caller closes it.

        Raises:
            TransportError: no answer came.
            RegistryError: the token service refuses.
        """
        return self._accepted(question, self.transport.open)

    def expect(self, question: Question, most: int = ANSWER_LIMIT) -> Answer:
        """Ask, and return an answer that says yes.

        Raises:
            NotFound: the registry does not have it.
            RegistryError: it is out of reach, or refuses.
        """
        answer = self.ask(question, most)
        if answer.status not in (200, 201, 202):
            raise self.refusal(question, answer)
        return answer

    def url(self, path: str) -> str:
        """Return the URL of a path below `/v2`; a whole URL stays as it is."""
        return f"{self._base}{path}" if path.startswith("/") else path

    def refusal(self, question: Question, reply: HasStatus) -> MorphopsError:
        """Return the error for a status that says no."""
        status = reply.status
        elsewhere = reply.foreign or not self._ours(self.url(question.path))
        if status in (401, 403) and not elsewhere:
            return self._denied(question, status)
        if status == 404:
            return NotFound(f"could not {question.doing}: {self.host} does not have it")
        who = f"the host to which {self.host} leads" if elsewhere else self.host
        return RegistryError(
            f"could not {question.doing}: {who} answers HTTP {status}",
            hint="try again; the registry's own log says more",
        )

    def failure(self, question: Question, err: TransportError) -> RegistryError:
        """Return the error for an answer that did not come, or not as it may."""
        if err.kind == "odd":
            return RegistryError(
                f"could not {question.doing}: {self.host} does not answer as a registry does "
                f"({err.why})",
                hint="see whether the address of the registry is right",
            )
        return RegistryError(
            f"could not {question.doing}: the registry {self.host} is out of reach ({err.why})",
            state=_NOT_CHANGED if question.reads else _MAYBE_SENT,
            hint="inv registry.up"
            if self.origin.loopback
            else "see whether the name and the network are right",
        )

    def odd(self, question: Question, why: str) -> RegistryError:
        """Return the error for an answer that the protocol does not know."""
        return self.failure(question, TransportError(why, "odd"))

    def object(self, question: Question, answer: Answer) -> dict[str, object]:
        """Return the JSON object that an answer holds.

        Raises:
            RegistryError: it holds none.
        """
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self.odd(question, "its answer is not a JSON object")
        return document

    def next_page(self, question: Question, url: str, answer: Answer) -> str:
        """Return the URL of the page after an answer (RFC 8288), or nothing.

        Raises:
            RegistryError: it is at another host.
        """
        from requests.utils import parse_header_links

        links = parse_header_links(answer.headers.get("Link", ""))
        following = next((link.get("url", "") for link in links if link.get("rel") == "next"), "")
        if not following:
            return ""
        try:
            target = resolve(url, following)
        except ValueError:
            target = ""
        if not self._ours(target):
            raise self.odd(question, "its next page is at another host")
        return target

    def _authorized(self, question: Question, send: Callable[[Request], _Reply]) -> _Reply:
        try:
            return self._accepted(question, send)
        except TransportError as err:
            raise self.failure(question, err) from None

    def _accepted(self, question: Question, send: Callable[[Request], _Reply]) -> _Reply:
        """Send, and once more with credentials where the registry itself asks for them."""
        url = self.url(question.path)
        ours = self._ours(url)
        purpose = f"{question.repository} {'pull' if question.reads else 'push'}"

        def request(authorization: str) -> Request:
            return Request(
                question.method, url, question.headers, authorization if ours else "", question.body
            )

        reply = send(request(self._auth.known(purpose)))
        if reply.status != 401 or reply.foreign or not ours:
            return reply
        try:
            made = self._auth.answer(reply.headers.get("WWW-Authenticate", ""), purpose)
        except Refused as err:
            raise self._no_token(question, err) from None
        if not made:
            return reply
        if isinstance(reply, Stream):
            reply.close()
        return send(request(made))

    def _ours(self, url: str) -> bool:
        try:
            return Origin.of(url) == self.origin
        except ValueError:
            return False

    def _no_token(self, question: Question, err: Refused) -> RegistryError:
        if err.status in (400, 401, 403):
            return self._denied(question, 401)
        return RegistryError(
            f"could not {question.doing}: the token service {err.realm} of {self.host} "
            f"answers HTTP {err.status}",
            state=_NOT_CHANGED,
            hint="try again later",
        )

    def _denied(self, question: Question, status: int) -> RegistryError:
        if self._auth.credential is None:
            why = "no credentials for it stand in Docker's configuration"
        elif status == 401:
            why = "the credentials in Docker's configuration were not accepted"
        else:
            why = "the account in Docker's configuration may not do this"
        return RegistryError(
            f"could not {question.doing}: {self.host} refuses (HTTP {status}): {why}",
            state=_NOT_CHANGED,
            hint="docker login" if self.host == HUB else f"docker login {self.host}",
        )
