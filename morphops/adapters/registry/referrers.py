"""Finds and records what refers to a manifest (OCI distribution-spec v1.1, "Listing Referrers").

A registry that does not know the referrers API keeps an index under a tag instead, and who pushes a
referrer keeps that index.
"""

from __future__ import annotations

from collections.abc import Iterator

from morphops.adapters.registry.exchange import Exchange, Question
from morphops.adapters.registry.transport import Answer
from morphops.adapters.registry.values import Descriptor
from morphops.core.release.artifact import INDEX
from morphops.core.release.digest import canonical_json, short
from morphops.errors import RegistryError

_PAGES = 100
_TRIES = 5


def find(exchange: Exchange, repository: str, digest: str) -> tuple[Descriptor, ...]:
    """Return what refers to a manifest, by the API, else by the tag.

    Raises:
        RegistryError: the registry is out of reach, refuses, or its list is malformed.
    """
    doing = f"list what refers to {short(digest)} in {repository}"
    url = f"/{repository}/referrers/{digest}"
    found: list[Descriptor] = []
    for _ in range(_PAGES):
        question = Question(doing, "GET", url, {"Accept": INDEX}, repository=repository)
        answer = exchange.ask(question)
        if answer.status == 404 and not found:
            return _by_tag(exchange, repository, digest)
        if answer.status != 200:
            raise exchange.refusal(question, answer)
        found.extend(_descriptors(exchange, question, answer))
        url = exchange.next_page(question, exchange.url(url), answer)
        if not url:
            return tuple(found)
    raise exchange.odd(question, f"its list has more than {_PAGES} pages")


def record(exchange: Exchange, repository: str, subject: str, referrer: Descriptor) -> None:
    """Add a manifest to the index under the tag of its subject.

    No registry locks a tag: of two writers at once one may be lost. So it is read again.

    Raises:
        RegistryError: the registry is out of reach or refuses.
    """
    for _ in range(_TRIES):
        question, answer = _tagged(exchange, repository, subject)
        if answer is None:
            entries: list[object] = []
        else:
            entries = _entries(exchange, question, answer)
        if any(isinstance(e, dict) and e.get("digest") == referrer.digest for e in entries):
            return
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [*entries, referrer.json()],
        }
        exchange.expect(
            Question(
                f"record {short(referrer.digest)} as a referrer of {short(subject)} "
                f"in {repository}",
                "PUT",
                f"/{repository}/manifests/{_tag(subject)}",
                {"Content-Type": INDEX},
                canonical_json(index),
                repository,
            )
        )
    raise RegistryError(
        f"could not record {short(referrer.digest)} as a referrer of {short(subject)} in "
        f"{repository}: others write the same list",
        state="it was pushed, and is not in the list",
        hint="try again",
    )


def _tag(digest: str) -> str:
    return digest.replace(":", "-", 1)


def _by_tag(exchange: Exchange, repository: str, digest: str) -> tuple[Descriptor, ...]:
    question, answer = _tagged(exchange, repository, digest)
    return tuple(_descriptors(exchange, question, answer)) if answer else ()


def _tagged(exchange: Exchange, repository: str, digest: str) -> tuple[Question, Answer | None]:
    question = Question(
        f"read the list of what refers to {short(digest)} in {repository}",
        "GET",
        f"/{repository}/manifests/{_tag(digest)}",
        {"Accept": INDEX},
        repository=repository,
    )
    answer = exchange.ask(question)
    if answer.status == 404:
        return question, None
    if answer.status != 200:
        raise exchange.refusal(question, answer)
    return question, answer


def _entries(exchange: Exchange, question: Question, answer: Answer) -> list[object]:
    document = exchange.object(question, answer)
    entries = document.get("manifests")
    if document.get("mediaType", INDEX) != INDEX or not isinstance(entries, list):
        raise exchange.odd(question, "its list of referrers is not an index")
    return entries


def _descriptors(exchange: Exchange, question: Question, answer: Answer) -> Iterator[Descriptor]:
    for entry in _entries(exchange, question, answer):
        try:
            yield Descriptor.parse(entry)
        except ValueError as err:
            raise exchange.odd(question, f"its list has an entry {err}") from None
