"""The client: what the project asks of a registry (OCI distribution-spec v1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from morphops.adapters.registry import blobs, referrers
from morphops.adapters.registry.exchange import ANSWER_LIMIT, Exchange, Question
from morphops.adapters.registry.http_library import TransportError
from morphops.adapters.registry.transport import Request, Transport
from morphops.adapters.registry.values import (
    Descriptor,
    Manifest,
    check_names,
    describe,
    subject_of,
)
from morphops.core.release.artifact import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    check_bytes,
)
from morphops.core.release.digest import digest_of, is_digest, short
from morphops.errors import IntegrityError

_ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))
_SILENCE = 60.0  # seconds
_WHOLE = 120.0  # seconds
_IN_MEMORY = 64 << 20  # bytes
_ON_DISK = 64 << 30  # bytes
_PAGES = 1000


class RegistryClient:
    """One registry. Every byte that has a digest is hashed here: no answer is trusted.

    Credentials come from Docker's own configuration, and go to this registry and its token service
    only.

    Args:
        host: `host[:port]`; plain HTTP on loopback, HTTPS elsewhere.
        stalled_after: seconds in which nothing comes, after which a request is given up.
        whole: seconds for a small answer, from name resolution to its last byte.
    """

    def __init__(
        self, host: str, *, stalled_after: float = _SILENCE, whole: float = _WHOLE
    ) -> None:
        self.host = host
        self._limits = (stalled_after, whole)

    def ping(self) -> None:
        """Ask whether it is there.

        Raises:
            RegistryError: it is not, or refuses.
        """
        self._exchange.expect(Question("answer", "GET", "/"))

    def get_manifest(self, repository: str, reference: str) -> Manifest:
        """Return a manifest or an index by its tag or digest.

        Raises:
            NotFound: the registry does not have it.
            IntegrityError: it sends other bytes.
            RegistryError: it is out of reach, refuses, or sends more than 4 MiB.
        """
        question = self._about(repository, reference, "GET")
        answer = self._exchange.expect(question)
        what = f"what {self.host} sent for {repository}"
        if is_digest(reference):
            check_bytes(reference, answer.body, what)
        elif claimed := _claimed(answer.headers.get("Docker-Content-Digest", "")):
            check_bytes(claimed, answer.body, what)
        sent_as = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        return Manifest(
            Descriptor(sent_as or MANIFEST, digest_of(answer.body), len(answer.body)), answer.body
        )

    def head_manifest(self, repository: str, reference: str) -> str:
        """Return the digest that the registry says a tag or digest has; nothing where it has none.

        It is a claim: nothing is hashed.

        Raises:
            RegistryError: it is out of reach or refuses.
        """
        question = self._about(repository, reference, "HEAD")
        answer = self._exchange.ask(question)
        if answer.status == 404:
            return ""
        if answer.status != 200:
            raise self._exchange.refusal(question, answer)
        if is_digest(reference):
            return reference
        said = _claimed(answer.headers.get("Docker-Content-Digest", ""))
        return said or self.get_manifest(repository, reference).digest

    def put_manifest(self, repository: str, data: bytes, reference: str = "") -> Descriptor:
        """Put a manifest under a tag, or under its digest only.

        Where it refers to a subject and the registry does not record that, the list
        under the subject's tag is written.

        Args:
            repository: without the host.
            data: its bytes.
            reference: a tag; the digest where it is empty.

        Raises:
            InputError: the bytes are not a manifest.
            IntegrityError: the registry stored other bytes.
            RegistryError: it is out of reach or refuses.
        """
        descriptor = describe(data, repository)
        reference = reference or descriptor.digest
        check_names(repository, reference)
        subject = subject_of(data, repository)
        question = Question(
            f"put {short(descriptor.digest)} into {repository}"
            if is_digest(reference)
            else f"tag {repository}:{reference}",
            "PUT",
            f"/{repository}/manifests/{reference}",
            {"Content-Type": descriptor.media_type},
            data,
            repository,
        )
        answer = self._exchange.expect(question)
        stored = _claimed(answer.headers.get("Docker-Content-Digest", ""))
        if stored and stored != descriptor.digest:
            raise IntegrityError(
                f"{self.host} stored {descriptor.digest} in {repository} as {stored}",
                hint="use a registry that keeps bytes as they are",
            )
        if subject and "OCI-Subject" not in answer.headers:
            referrers.record(self._exchange, repository, subject, descriptor)
        return descriptor

    def delete_manifest(self, repository: str, digest: str) -> None:
        """Delete a manifest and all its tags.

        Raises:
            NotFound: the registry does not have it.
            RegistryError: it is out of reach, refuses, or does not allow deletion.
        """
        self._exchange.expect(self._about(repository, digest, "DELETE"))

    def has_blob(self, repository: str, digest: str) -> bool:
        """Tell whether a repository has a blob.

        Raises:
            RegistryError: the registry is out of reach or refuses.
        """
        check_names(repository, digest)
        doing = f"look for {short(digest)} in {repository}"
        path = f"/{repository}/blobs/{digest}"
        question = Question(doing, "HEAD", path, repository=repository)
        answer = self._exchange.ask(question)
        if answer.status not in (200, 404):
            raise self._exchange.refusal(question, answer)
        return answer.status == 200

    def read_blob(self, repository: str, digest: str, *, most: int = _IN_MEMORY) -> bytes:
        """Return a small blob, whole and checked.

        Args:
            repository: without the host.
            digest: of its bytes.
            most: bytes that it may have.

        Raises:
            NotFound: the registry does not have it.
            IntegrityError: the bytes are not those of the digest.
            RegistryError: the registry is out of reach, refuses, or sends more.
        """
        check_names(repository, digest)
        wanted = blobs.Wanted(repository, digest, None, most)
        return b"".join(blobs.read(self._exchange, wanted))

    def stream_blob(self, repository: str, digest: str, size: int | None = None) -> Iterator[bytes]:
        """Return the chunks of a blob; a broken connection is resumed where it broke.

        The digest is checked after the last chunk: use nothing before the iterator ends.

        Args:
            repository: without the host.
            digest: of its bytes.
            size: in bytes, where a manifest says it.

        Raises:
            NotFound: the registry does not have it.
            IntegrityError: the bytes are not those of the digest.
            RegistryError: the registry is out of reach or refuses.
        """
        check_names(repository, digest)
        return blobs.read(self._exchange, blobs.Wanted(repository, digest, size, _ON_DISK))

    def push_blob(
        self, repository: str, digest: str, body: bytes | Path, *, mount_from: str = ""
    ) -> None:
        """Send a blob; ask `has_blob` before.

        Args:
            repository: without the host.
            digest: of its bytes.
            body: its bytes, or a file that is streamed.
            mount_from: a repository of this registry that may have it; then nothing is sent.

        Raises:
            IntegrityError: the bytes are not those of the digest.
            RegistryError: the registry is out of reach or refuses.
        """
        check_names(repository, digest)
        blobs.send(self._exchange, repository, digest, body, mount_from)

    def tags(self, repository: str) -> tuple[str, ...]:
        """Return all tags of a repository, as the registry orders them.

        Raises:
            NotFound: there is no such repository.
            RegistryError: the registry is out of reach or refuses.
        """
        check_names(repository)
        found: list[str] = []
        url = f"/{repository}/tags/list"
        for _ in range(_PAGES):
            question = Question(f"list the tags of {repository}", "GET", url, repository=repository)
            answer = self._exchange.expect(question)
            page = self._exchange.object(question, answer).get("tags") or []
            if not isinstance(page, list) or not all(isinstance(tag, str) for tag in page):
                raise self._exchange.odd(question, "its tags are not a list of texts")
            found.extend(page)
            url = self._exchange.next_page(question, self._exchange.url(url), answer)
            if not url:
                return tuple(found)
        raise self._exchange.odd(question, f"its list has more than {_PAGES} pages")

    def referrers(
        self, repository: str, digest: str, artifact_type: str = ""
    ) -> tuple[Descriptor, ...]:
        """Return what refers to a manifest: signatures, SBOMs and the like.

        Args:
            repository: without the host.
            digest: of the manifest.
            artifact_type: only those of this type; all where it is empty.

        Raises:
            RegistryError: the registry is out of reach, refuses, or its list is malformed.
        """
        check_names(repository, digest)
        found = referrers.find(self._exchange, repository, digest)
        return tuple(d for d in found if artifact_type in ("", d.artifact_type))

    def _about(self, repository: str, reference: str, method: str) -> Question:
        check_names(repository, reference)
        shown = short(reference) if is_digest(reference) else reference
        doing = f"{'delete' if method == 'DELETE' else 'find'} {shown} in {repository}"
        path = f"/{repository}/manifests/{reference}"
        return Question(doing, method, path, {"Accept": _ACCEPT}, repository=repository)

    @cached_property
    def _exchange(self) -> Exchange:
        stalled_after, whole = self._limits
        return Exchange(self.host, stalled_after=stalled_after, whole=whole)


def answers(host: str, *, limit: float) -> bool:
    """Tell whether a registry answers, without credentials.

    Args:
        host: `host[:port]`.
        limit: seconds, name resolution included.
    """
    from morphops.adapters.registry.origin import base_url

    transport = Transport(stalled_after=limit, whole=limit)
    try:
        answer = transport.ask(Request("GET", f"{base_url(host)}/"), ANSWER_LIMIT)
    except TransportError:
        return False
    # 401 is what a registry says to a client without a token; a proxy's page is neither.
    return answer.status in (200, 401) and not answer.foreign


def _claimed(header: str) -> str:
    return header if is_digest(header) else ""
