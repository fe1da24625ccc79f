"""Reads and sends blobs."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from morphops.adapters.registry.exchange import Exchange, Question
from morphops.adapters.registry.http_library import TransportError
from morphops.adapters.registry.origin import Origin, resolve
from morphops.adapters.registry.transport import Stream
from morphops.core.release.digest import short
from morphops.errors import IntegrityError, RegistryError

_TRIES = 6  # connections for one blob
_PAUSE = 0.1  # seconds before the second; each later one is twice as long
_UNKNOWN = 1 << 30  # bytes: the time limit of a blob of unknown size


@dataclass(frozen=True, slots=True)
class Wanted:
    """A blob to read.

    Attributes:
        repository: without the host.
        digest: of its bytes.
        size: in bytes; None: unknown.
        most: bytes that are read at most.
    """

    repository: str
    digest: str
    size: int | None
    most: int

    @property
    def doing(self) -> str:
        """Complete "could not …"."""
        return f"find {short(self.digest)} in {self.repository}"


def read(exchange: Exchange, wanted: Wanted) -> Iterator[bytes]:
    """Read a blob as it comes; after a broken connection go on where it broke.

    What was given out may be used only after the last chunk: its digest is known then.

    Raises:
        NotFound: the registry does not have it.
        IntegrityError: the bytes are not those of the digest.
        RegistryError: the registry is out of reach, refuses, or sends too much.
    """
    known = hashlib.sha256()
    limit = exchange.transport.limit(_UNKNOWN if wanted.size is None else wanted.size)
    late = TransportError(f"the blob was not whole after {limit:g} s", "late")
    until, done, tries = time.monotonic() + limit, 0, 0
    while True:
        tries += 1
        question = _question(wanted, done)
        try:
            with closing(exchange.open(question)) as stream:
                skip = _begin(exchange, question, stream, done)
                for chunk in stream.chunks(until, late):
                    fresh = chunk[skip:]
                    skip -= len(chunk) - len(fresh)
                    done += len(fresh)
                    _check_size(exchange, wanted, done)
                    known.update(fresh)
                    if fresh:
                        yield fresh
            if wanted.size is not None and done < wanted.size:
                raise TransportError("the body ended early", "broken")
            break
        except TransportError as err:
            if err.kind != "broken" or not done or tries == _TRIES or time.monotonic() > until:
                raise exchange.failure(question, err) from None
            time.sleep(_PAUSE * 2 ** (tries - 1))
    if f"sha256:{known.hexdigest()}" != wanted.digest:
        raise IntegrityError(
            f"what {exchange.host} sent for {wanted.repository} does not hash to its digest: "
            f"asked for {wanted.digest}, got bytes of sha256:{known.hexdigest()}",
            state="nothing of it was used or stored",
        )


def send(
    exchange: Exchange, repository: str, digest: str, body: bytes | Path, mount_from: str = ""
) -> None:
    """Send a blob in one piece.

    Args:
        exchange: with the registry.
        repository: without the host.
        digest: of the bytes.
        body: the bytes, or a file that holds them and is streamed.
        mount_from: a repository of the same registry that may have the blob; then nothing is sent.

    Raises:
        IntegrityError: the bytes are not those of the digest.
        RegistryError: the registry is out of reach or refuses.
    """
    doing = f"push {short(digest)} to {repository}"
    path = f"/{repository}/blobs/uploads/"
    mount = urlencode({"mount": digest, "from": mount_from}, safe=":/")
    begin = Question(
        doing, "POST", f"{path}?{mount}" if mount_from else path, body=b"", repository=repository
    )
    answer = exchange.expect(begin)
    if mount_from and answer.status == 201:
        return
    where = _location(exchange, begin, answer.headers.get("Location", ""))
    finish = Question(
        doing,
        "PUT",
        f"{where}{'&' if '?' in where else '?'}digest={digest}",
        headers={"Content-Type": "application/octet-stream"},
        body=body,
        repository=repository,
    )
    answer = exchange.ask(finish)
    if answer.status == 400 and b"DIGEST_INVALID" in answer.body:
        raise IntegrityError(
            f"could not {doing}: the bytes are not those of the digest",
            state=f"{exchange.host} refused them",
        )
    if answer.status not in (200, 201, 202, 204):
        raise exchange.refusal(finish, answer)


def _question(wanted: Wanted, done: int) -> Question:
    return Question(
        wanted.doing,
        "GET",
        f"/{wanted.repository}/blobs/{wanted.digest}",
        headers={"Range": f"bytes={done}-"} if done else {},
        repository=wanted.repository,
    )


def _begin(exchange: Exchange, question: Question, stream: Stream, done: int) -> int:
    """Return how many bytes of an answer are known already."""
    if stream.status == 200:
        return done  # also where the server knows no ranges
    if stream.status == 206 and done:
        begins = re.match(r"bytes (\d+)-", stream.headers.get("Content-Range", ""))
        if begins and int(begins[1]) == done:
            return 0
        raise exchange.odd(question, "it sends another range than the one that was asked for")
    if stream.status in (500, 502, 503, 504) and done:
        raise TransportError(f"HTTP {stream.status}", "broken")
    raise exchange.refusal(question, stream)


def _check_size(exchange: Exchange, wanted: Wanted, done: int) -> None:
    if wanted.size is not None and done > wanted.size:
        raise IntegrityError(
            f"what {exchange.host} sent for {wanted.repository} is longer than blob "
            f"{short(wanted.digest)}, which has {wanted.size} bytes",
            state="nothing of it was used or stored",
        )
    if done > wanted.most:
        raise RegistryError(
            f"could not {wanted.doing}: it has more than {wanted.most} bytes",
            state="nothing was changed",
        )


def _location(exchange: Exchange, question: Question, location: str) -> str:
    """Return the URL where an upload goes on; it may be relative, or at another host."""
    try:
        url = resolve(exchange.url(question.path), location)
        if not location or not exchange.origin.may_lead_to(Origin.of(url)):
            raise ValueError("plain HTTP")
    except ValueError as err:
        raise exchange.odd(question, f"it sends the upload to a place that is {err}") from None
    return url
