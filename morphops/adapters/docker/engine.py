"""Asks the Engine API: what `docker ps`, `inspect`, `volume ls` … show, without a process each.

The answers are the API's own documents (ContainerInspect, ImageInspect …), which are also what
`docker inspect` prints. Engine 20.10 (API 1.41) and later are known to give them.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

from morphops.adapters.docker.connection import Dial, Unreachable
from morphops.adapters.docker.endpoint import Endpoint
from morphops.adapters.docker.engine_http import (
    BadAnswer,
    NoAnswer,
    Refusal,
    Request,
    Stream,
    ask,
    ask_all,
    stream,
)
from morphops.adapters.docker.faults import call_failed, denied, stalled, too_slow, unreachable
from morphops.errors import EngineCallFailed

Document: TypeAlias = dict[str, Any]
_T = TypeVar("_T")
_Slow: TypeAlias = Callable[[str, float], EngineCallFailed]
_NEWEST = (1, 47)  # the newest version of the API that this code was written for
_PING = 5.0
_LIMIT = 20.0


def negotiate(newest: str, oldest: str) -> str:
    """Return the version of the API to speak: ours, as far as the engine speaks it.

    Args:
        newest, oldest: what the engine speaks.
    """
    ours = min(_NEWEST, _version(newest))
    # An engine that has left ours behind is asked in its oldest: better than not at all.
    return ".".join(map(str, max(ours, _version(oldest or "1.0"))))


class Engine:
    """The engine behind one endpoint. Each method asks it once.

    Args:
        endpoint: where it is, for errors.
        dial: connects to it.
        redact: applied to what the engine says, before it enters an error.
        api_version: spoken without asking; empty to negotiate.
    """

    def __init__(
        self, endpoint: Endpoint, dial: Dial, redact: Callable[[str], str], api_version: str = ""
    ) -> None:
        self._endpoint = endpoint
        self._dial = dial
        self._redact = redact
        self._asked = api_version
        self._prefix = ""

    def answers(self) -> bool:
        """Return whether an engine answers at all, within five seconds."""
        try:
            ask(self._dial, Request("GET", "/_ping"), _PING)
        except (Unreachable, NoAnswer, BadAnswer, Refusal):
            return False
        return True

    def version(self, limit: float = _LIMIT) -> Document:
        """Return what the engine says of itself (SystemVersion)."""
        with self._translated("ask the engine for its version", limit):
            return _one(_parsed(ask(self._dial, Request("GET", "/version"), limit)))

    def info(self, limit: float = _LIMIT) -> Document:
        """Return how the engine is set up (SystemInfo)."""
        return self._get("ask the engine how it is set up", "/info", _one, limit=limit)

    def containers(
        self, limit: float = _LIMIT, *, all_: bool = True, **filters: Sequence[str]
    ) -> list[Document]:
        """Return the containers (ContainerSummary), newest first.

        Args:
            limit: seconds.
            all_: also those that do not run.
            filters: of the API (`label`, `publish` …).
        """
        query = {"all": str(int(all_)), "filters": json.dumps(filters)}
        return self._get("list the containers", "/containers/json", _rows, query, limit)

    def inspect(self, ids: Sequence[str]) -> list[Document]:
        """Return containers (ContainerInspect) by id or name, without those that are gone."""
        return self._inspect("containers", ids)

    def read_file(self, id_: str, path: str) -> bytes | None:
        """Return the content of a file inside of a container (ContainerArchive).

        Args:
            id_: of the container.
            path: absolute.

        Returns:
            None where there is no such file, or it is none that has content.
        """
        request = Request("GET", f"/containers/{_quoted(id_)}/archive?{urlencode({'path': path})}")
        doing = f"read {path} in the container {id_[:12]}"
        for body in self._ask_all(doing, [request]):
            with self._translated(doing, _LIMIT):
                return _only_file(body)
        return None

    def inspect_images(self, ids: Sequence[str], limit: float = _LIMIT) -> list[Document]:
        """Return images (ImageInspect) by id or reference, without those that are gone."""
        return self._inspect("images", ids, limit)

    def images(self, limit: float = _LIMIT) -> list[Document]:
        """Return the images (ImageSummary), without intermediate ones.

        `SharedSize` is -1 before 1.42 of the API.
        """
        return self._get("list the images", "/images/json?shared-size=1", _rows, limit=limit)

    def disk_use(self, limit: float = _LIMIT) -> Document:
        """Return the space that images and build cache take (SystemDataUsage)."""
        # Before 1.42 the API knows no `type`, and answers with the rest as well.
        query = "type=image&type=build-cache"
        return self._get("ask how much space is used", f"/system/df?{query}", _one, limit=limit)

    def volume_sizes(self, limit: float = 120.0) -> list[Document]:
        """Return the volumes (Volume) with their `UsageData`; to look takes as long as they are."""

        def read(found: object) -> list[Document]:
            return _rows(_one(found).get("Volumes"))

        return self._get("see how large volumes are", "/system/df?type=volume", read, limit=limit)

    def layers(self, image: str) -> tuple[str, ...]:
        """Return how each layer of an image was made, by its own account; the newest first."""
        path = f"/images/{_quoted(image)}/history"
        rows = self._get(f"read the history of {image}", path, _rows)
        return tuple(str(row.get("CreatedBy") or "") for row in rows)

    def tag(self, image: str, tag: str) -> None:
        """Give a local image one more name (`repository:tag`)."""
        repository, _, name = tag.rpartition(":")
        query = urlencode({"repo": repository, "tag": name})
        request = Request("POST", f"/images/{_quoted(image)}/tag?{query}")
        self._ask(f"tag {image} as {tag}", request)

    def networks(self, **filters: Sequence[str]) -> list[Document]:
        """Return the networks (Network)."""
        query = {"filters": json.dumps(filters)}
        return self._get("list the networks", "/networks", _rows, query)

    def volumes(self, **filters: Sequence[str]) -> list[Document]:
        """Return the volumes (Volume)."""
        query = {"filters": json.dumps(filters)}

        def read(found: object) -> list[Document]:
            return _rows(_one(found).get("Volumes"))

        return self._get("list the volumes", "/volumes", read, query)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a volume; one of that name that is there stays as it is."""
        body = {"Name": name, "Labels": dict(labels)}
        self._ask(f"create the volume {name}", Request("POST", "/volumes/create", body))

    def remove_volumes(self, names: Sequence[str]) -> None:
        """Remove volumes, as far as they are there."""
        requests = [Request("DELETE", f"/volumes/{_quoted(name)}?force=1") for name in names]
        self._ask_all(f"remove the volumes {' '.join(names)}", requests)

    def create_container(self, body: Mapping[str, object]) -> str:
        """Make a container (ContainerCreate), and return its id."""
        request = Request("POST", "/containers/create", body)
        with self._translated("create a container", _LIMIT):
            return str(_one(_parsed(self._raw(request, _LIMIT)))["Id"])

    def start_container(self, id_: str) -> None:
        """Start a container."""
        self._ask(
            f"start the container {id_[:12]}", Request("POST", f"/containers/{_quoted(id_)}/start")
        )

    def remove_container(self, id_: str, limit: float = _LIMIT, *, force: bool = False) -> None:
        """Remove a container; one that runs only with `force`."""
        request = Request("DELETE", f"/containers/{_quoted(id_)}?force={int(force)}")
        self._ask(f"remove the container {id_[:12]}", request, limit)

    def remove_image(self, reference: str, limit: float = _LIMIT) -> None:
        """Remove a name of an image, and the image with its last name unless it is in use.

        One that is not there is fine: the containerd store takes some names with others.
        """
        request = Request("DELETE", f"/images/{_quoted(reference)}")
        self._ask_all(f"remove {reference}", [request], limit)

    @contextmanager
    def events(self, since: float, limit: float = 5, **filters: Sequence[str]) -> Iterator[Stream]:
        """Open the stream of events (EventMessage); what happened from `since` on comes first.

        Args:
            since: seconds since the epoch.
            limit: seconds until the stream is open.
            filters: of the API (`type`, `label` …).
        """
        query = urlencode({"since": f"{since:.3f}", "filters": json.dumps(filters)})
        with self._stream("listen to events", Request("GET", f"/events?{query}"), limit) as opened:
            yield opened

    @contextmanager
    def pull(self, repository: str, digest: str, auth: str, limit: float) -> Iterator[Stream]:
        """Pull an image: a stream of what is done (CreateImageInfo); to leave it ends the pull.

        Args:
            repository: `host/path`.
            digest: `sha256:…`.
            auth: the `X-Registry-Auth` header; empty for none.
            limit: seconds without a message after which it is given up, for the error as well.
        """
        query = urlencode({"fromImage": repository, "tag": digest})
        headers = {"X-Registry-Auth": auth} if auth else {}
        request = Request("POST", f"/images/create?{query}", headers=headers)
        doing = f"pull {repository}@{digest}"
        with self._stream(doing, request, limit, stalled) as opened:
            yield opened

    def _inspect(self, kind: str, ids: Sequence[str], limit: float = _LIMIT) -> list[Document]:
        requests = [Request("GET", f"/{kind}/{_quoted(id_)}/json") for id_ in ids]
        bodies = self._ask_all(f"inspect the {kind}", requests, limit)
        with self._translated(f"inspect the {kind}", limit):
            return [_one(_parsed(body)) for body in bodies]

    def _ask_all(
        self, doing: str, requests: Sequence[Request], limit: float = _LIMIT
    ) -> list[bytes]:
        """Ask over one connection; without the answers of what is not there."""
        if not requests:
            return []
        with self._translated(doing, limit):
            versioned = [self._versioned(request, limit) for request in requests]
            answers = ask_all(self._dial, versioned, limit)
            for answer in answers:
                if isinstance(answer, Refusal) and answer.status != 404:
                    raise answer
        return [answer for answer in answers if isinstance(answer, bytes)]

    def _get(
        self,
        doing: str,
        path: str,
        read: Callable[[object], _T],
        query: Mapping[str, str] | None = None,
        limit: float = _LIMIT,
    ) -> _T:
        whole = f"{path}?{urlencode(query)}" if query else path
        with self._translated(doing, limit):
            return read(_parsed(self._raw(Request("GET", whole), limit)))

    def _ask(self, doing: str, request: Request, limit: float = _LIMIT) -> None:
        with self._translated(doing, limit):
            self._raw(request, limit)

    def _raw(self, request: Request, limit: float) -> bytes:
        return ask(self._dial, self._versioned(request, limit), limit)

    @contextmanager
    def _stream(
        self, doing: str, request: Request, limit: float, slow: _Slow = too_slow
    ) -> Iterator[Stream]:
        with (
            self._translated(doing, limit, slow),
            stream(self._dial, self._versioned(request, limit), limit) as opened,
        ):
            yield opened

    def _versioned(self, request: Request, limit: float) -> Request:
        if not self._prefix:
            spoken = self._asked
            if not spoken:
                found = _one(_parsed(ask(self._dial, Request("GET", "/version"), limit)))
                spoken = negotiate(
                    str(found.get("ApiVersion") or ""), str(found.get("MinAPIVersion") or "")
                )
            self._prefix = f"/v{spoken}"
        return Request(request.method, self._prefix + request.path, request.body, request.headers)

    @contextmanager
    def _translated(self, doing: str, limit: float, slow: _Slow = too_slow) -> Iterator[None]:
        """Turn what the transport raises into our errors.

        Args:
            doing: what is attempted, as it reads after "could not".
            limit: the seconds that it had.
            slow: makes the error of an engine that did not answer in that time.

        Raises:
            EngineUnavailable: no engine answers.
            EngineCallFailed: it answered with a refusal, not in time, or with nonsense.
        """
        try:
            yield
        except Unreachable as err:
            if err.denied:
                raise denied(doing, self._endpoint) from None
            raise unreachable(doing, self._endpoint) from None
        except Refusal as err:
            raise call_failed(doing, self._redact(err.message)) from None
        except (NoAnswer, BadAnswer) as err:
            # One more question tells an engine that is gone from one that is slow.
            if not self.answers():
                raise unreachable(doing, self._endpoint) from None
            if isinstance(err, NoAnswer):
                raise slow(doing, limit) from None
            raise call_failed(doing, self._redact(str(err))) from None


def _version(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split("."))
    except ValueError:
        raise BadAnswer(f"its API version is {text!r}") from None


def _quoted(name: str) -> str:
    return quote(name, safe="/:@")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadAnswer("the answer is not JSON") from None


def _only_file(archive: bytes) -> bytes | None:
    """Return the content of the one file of a tar archive."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as members:
            first = members.next()
            opened = members.extractfile(first) if first and first.isreg() else None
            return None if opened is None else opened.read()
    except tarfile.TarError:
        raise BadAnswer("the answer is not a tar archive") from None


def _one(found: object) -> Document:
    if not isinstance(found, dict):
        raise BadAnswer("the answer is not a JSON object")
    return found


def _rows(found: object) -> list[Document]:
    if found is None:  # how Go writes an empty list
        return []
    if not isinstance(found, list):
        raise BadAnswer("the answer is not a JSON list")
    return [_one(row) for row in found]
