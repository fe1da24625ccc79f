"""A small registry over real HTTP on loopback, with faults that can be switched on."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from morphops.core.release.artifact import INDEX
from morphops.core.release.digest import digest_of
from tests.adapters.registry.fault import Fault

USER, PASSWORD = "user", "hunter2-hunter2"
IDENTITY = "identity-token-of-the-user"
TOKEN = "token-for-the-bearer"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

Login: TypeAlias = Literal["", "basic", "bearer", "denied"]


@dataclass(frozen=True)
class Seen:
    """One request that came."""

    method: str
    path: str
    authorization: str
    range: str
    body: bytes


class FakeRegistry(ThreadingHTTPServer):
    """Blobs, manifests and tags in memory.

    Attributes:
        login: how it wants to be told who asks.
        realm: the URL of the token service; its own where it is empty.
        fault: what goes wrong.
        knows_referrers: whether it has the API of OCI 1.1.
        knows_ranges: whether a blob can be read from the middle.
        uploads_at: the origin where uploads go on; its own where it is empty.
        page: entries of a list in one answer.
        link: the URL of the next page; its own where it is empty.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.login: Login = ""
        self.realm = ""
        self.fault: Fault | None = None
        self.knows_referrers = True
        self.knows_ranges = True
        self.uploads_at = ""
        self.page = 1000
        self.link = ""
        self.tokens_given = 0
        self.token_answer: tuple[int, bytes] | None = None
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.seen: list[Seen] = []
        self.over = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: clients that give up are what is tested."""

    def asked(self) -> list[str]:
        return [f"{seen.method} {seen.path}" for seen in self.seen]


@contextmanager
def running() -> Iterator[FakeRegistry]:
    with FakeRegistry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeRegistry
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length)
        self.url = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(self.url.query).items()}
        said = self.headers.get("Authorization", "")
        part = self.headers.get("Range", "")
        self.server.seen.append(Seen(self.command, self.path, said, part, self.body))
        try:
            self._route(said)
        except ConnectionError:
            self.close_connection = True

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def _route(self, said: str) -> None:
        server, path = self.server, self.url.path
        if path == "/token":
            return self._token(said)
        fault = server.fault
        if fault and fault.kind in ("status", "redirect") and fault.applies(path):
            where = fault.location.format(path=path)
            if fault.endless:
                self._head(fault.status, {"Location": where, "Connection": "close"})
                return self._for_ever(b" " * 65536, pause=0)
            return self._answer(fault.status, b"", **({"Location": where} if where else {}))
        if self._refused(said):
            return None
        if path == "/v2/":
            return self._answer(200, b"{}")
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs|tags|referrers|upload)/([^/]*)", path)
        if uploads := re.fullmatch(r"/v2/(.+)/blobs/uploads/", path):
            return self._begin_upload(uploads[1])
        if not match:
            return self._answer(404)
        serve = {
            "manifests": self._manifest,
            "blobs": self._blob,
            "tags": self._tags,
            "referrers": self._referrers,
            "upload": self._upload,
        }[match[2]]
        return serve(match[1], match[3])

    def _refused(self, said: str) -> bool:
        server = self.server
        if server.login == "denied":
            self._answer(403)
            return True
        if server.login == "basic" and said != BASIC:
            self._answer(401, WWW_Authenticate='Basic realm="registry, private"')
            return True
        if server.login == "bearer" and said != f"Bearer {TOKEN}":
            realm = server.realm or f"http://{server.host}/token"
            challenge = f'Bearer realm="{realm}",service="s, t",scope="repository:x:pull,push"'
            self._answer(401, WWW_Authenticate=challenge)
            return True
        return False

    def _token(self, said: str) -> None:
        self.server.tokens_given += 1
        if self.server.token_answer:
            return self._answer(*self.server.token_answer)
        form = parse_qs(self.body.decode())
        right = said == BASIC or form.get("refresh_token") == [IDENTITY]
        body = json.dumps({"token": TOKEN} if right else {}).encode()
        return self._answer(200 if right else 401, body)

    def _manifest(self, repository: str, reference: str) -> None:
        there = self.server.manifests.setdefault(repository, {})
        if self.command == "PUT":
            kind = self.headers.get("Content-Type", "")
            digest = digest_of(self.body)
            fault = self.server.fault
            if fault and fault.kind == "lose" and fault.applies(self.url.path):
                return self._answer(201)
            there[reference] = there[digest] = (kind, self.body)
            subject = json.loads(self.body).get("subject")
            known = subject and self.server.knows_referrers
            more = {"OCI_Subject": subject["digest"]} if known else {}
            return self._answer(201, Docker_Content_Digest=digest, **more)
        if reference not in there:
            return self._answer(404)
        kind, data = there[reference]
        if self.command == "DELETE":
            for name in [name for name, entry in there.items() if entry[1] == data]:
                del there[name]
            return self._answer(202)
        return self._send(data, Content_Type=kind, Docker_Content_Digest=digest_of(data))

    def _blob(self, repository: str, digest: str) -> None:
        there = self.server.blobs.setdefault(repository, {})
        if digest not in there:
            return self._answer(404)
        begin = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not begin or not self.server.knows_ranges:
            return self._send(there[digest])
        at, size = int(begin[1]), len(there[digest])
        return self._send(there[digest][at:], 206, Content_Range=f"bytes {at}-{size - 1}/{size}")

    def _begin_upload(self, repository: str) -> None:
        if (source := self.query.get("from")) and (mount := self.query.get("mount")):
            data = self.server.blobs.get(source, {}).get(mount)
            if data is not None:
                self.server.blobs.setdefault(repository, {})[mount] = data
                return self._answer(201)
        return self._answer(202, Location=f"{self.server.uploads_at}/v2/{repository}/upload/1?x=1")

    def _upload(self, repository: str, _: str) -> None:
        if digest_of(self.body) != self.query["digest"]:
            return self._answer(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        self.server.blobs.setdefault(repository, {})[self.query["digest"]] = self.body
        return self._answer(201)

    def _tags(self, repository: str, _: str) -> None:
        there = self.server.manifests.get(repository)
        if there is None:
            return self._answer(404)
        tags = sorted(name for name in there if ":" not in name)
        at = int(self.query.get("at", 0))
        body: dict[str, object] = {"name": repository, "tags": tags[at : at + self.server.page]}
        return self._paged(body, at, len(tags))

    def _referrers(self, repository: str, digest: str) -> None:
        if not self.server.knows_referrers:
            return self._answer(404)
        found = []
        for name, (kind, data) in self.server.manifests.get(repository, {}).items():
            document = json.loads(data)
            if ":" in name and (document.get("subject") or {}).get("digest") == digest:
                found.append(
                    {
                        "mediaType": kind,
                        "digest": name,
                        "size": len(data),
                        "artifactType": document.get("artifactType", ""),
                    }
                )
        at = int(self.query.get("at", 0))
        listed = found[at : at + self.server.page]
        body = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
        return self._paged(body, at, len(found))

    def _paged(self, body: dict[str, object], at: int, size: int) -> None:
        following = at + self.server.page
        link = f'<{self.server.link or self.url.path}?at={following}>; rel="next"'
        self._send(
            json.dumps(body).encode(),
            200,
            **({"Link": link} if following < size or not self.server.page else {}),
        )

    def _send(self, data: bytes, status: int = 200, **headers: str) -> None:
        fault = self.server.fault
        if fault is None or self.command == "HEAD" or not fault.applies(self.url.path):
            return self._answer(status, data, **headers)
        if fault.kind == "gzip":
            return self._answer(status, data, Content_Encoding="gzip", **headers)
        if fault.kind == "other bytes":
            return self._answer(status, bytes([data[0] ^ 1]) + data[1:], **headers)
        self.close_connection = True
        if fault.kind == "drip headers":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            return self._for_ever(b"x")
        if fault.kind == "endless":
            headers["Connection"] = "close"
            self._head(status, headers)
            return self._for_ever(b" " * 65536, pause=0)
        self._head(status, {"Content-Length": str(len(data)), **headers})
        if fault.kind == "drip":
            return self._for_ever(b"x", most=len(data))
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if fault.kind == "hang":
            self.server.over.wait()
        return None

    def _for_ever(self, data: bytes, pause: float = 0.02, most: int = 1 << 40) -> None:
        for _ in range(most):
            self.wfile.write(data)
            self.wfile.flush()
            if self.server.over.wait(pause):
                return

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self._head(status, {"Content-Length": str(len(body)), **headers})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def blob(size: int) -> tuple[str, bytes]:
    """Bytes that are not alike anywhere, and their digest."""
    pieces = (hashlib.sha256(str(at).encode()).digest() for at in range(size // 32 + 1))
    data = b"".join(pieces)[:size]
    return digest_of(data), data
