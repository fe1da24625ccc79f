"""The registry's answers, also the unkind ones: over HTTP, against a small server of our own."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from morphops.adapters.registry.origin import base_url
from morphops.adapters.registry.registry import Registry
from morphops.core.release.artifact import INDEX
from morphops.core.release.digest import digest_of
from morphops.core.release.reference import ImageRef
from morphops.errors import (
    InputError,
    IntegrityError,
    MorphopsError,
    NotFound,
    RegistryError,
)
from tests.samples.artifacts import BYTES, IMAGE, PLAIN, REF, artifact, decode

PASSWORD = "hunter2-hunter2"
TOKEN = "token-for-the-bearer"


class Server(ThreadingHTTPServer):
    """A registry in memory; `mode` makes it unkind."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mode = ""
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        server, path = self.server, self.path.partition("?")[0]
        server.asked.append(f"{self.command} {path}")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        basic = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        if path == "/token":
            right = self.headers.get("Authorization") == f"Basic {basic}"
            self.answer(200 if right else 401, json.dumps({"token": TOKEN}).encode())
        elif server.mode == "denied" or (
            server.mode == "bearer" and self.headers.get("Authorization") != f"Bearer {TOKEN}"
        ):
            realm = f'Bearer realm="http://{server.host}/token",service="s",scope="x"'
            self.answer(401, WWW_Authenticate=realm)
        elif server.mode.isdigit():
            self.answer(int(server.mode))
        elif path == "/v2/":
            self.answer(200)
        elif path.endswith("/blobs/uploads/") and self.command == "POST":
            self.answer(202, Location=f"http://{server.host}/upload?x=1")
        elif path == "/upload":
            server.blobs[digest_of(body)] = body
            self.answer(201)
        elif self.command == "PUT":
            server.manifests |= {path: body, f"{path.rpartition('/')[0]}/{digest_of(body)}": body}
            self.answer(201)
        elif path in server.manifests:
            data = server.manifests[path]
            self.answer(200, data + b" " if server.mode == "other bytes" else data)
        elif path.rpartition("/")[2] in server.blobs:
            self.answer(200, server.blobs[path.rpartition("/")[2]])
        else:
            self.answer(404)

    do_PUT = do_POST = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "config.json"


def log_in(config: Path, server: Server, password: str = PASSWORD) -> None:
    auth = base64.b64encode(f"user:{password}".encode()).decode()
    config.write_text(json.dumps({"auths": {server.host: {"auth": auth}}}))


def refused(server: Server, error: type[MorphopsError]) -> str:
    """What comes of asking for a release; one question, no silent repetition."""
    with pytest.raises(error) as caught:
        Registry(server.host).pull_release("shop/releases", f"sha256:{'1' * 64}")
    message = caught.value.message()
    assert PASSWORD not in message
    assert TOKEN not in message
    return message


@pytest.mark.usefixtures("docker_config")
def test_push_pull_and_push_again(server: Server) -> None:
    made, registry = artifact(), Registry(server.host)
    registry.push_release(made, "shop/releases")
    assert Registry(server.host).pull_release("shop/releases", made.digest) == decode(made)
    tag = made.digest.removeprefix("sha256:")[:12]
    assert server.manifests[f"/v2/shop/releases/manifests/{tag}"] == made.manifest
    before = len([line for line in server.asked if line == "PUT /upload"])
    registry.push_release(made, "shop/releases")
    assert len([line for line in server.asked if line == "PUT /upload"]) == before


@pytest.mark.usefixtures("docker_config")
def test_images_are_held_in_own_repositories_only(server: Server) -> None:
    ref = ImageRef(f"{server.host}/api", REF.digest)
    release = replace(decode(artifact()), images=(replace(IMAGE, ref=ref),))
    index = json.dumps({"mediaType": INDEX, "manifests": [{"digest": digest_of(PLAIN)}]})
    release = replace(release, manifests={**BYTES, REF.digest: index.encode()})
    Registry(server.host).hold(release, lambda _: False)
    assert server.asked == []
    Registry(server.host).hold(release, lambda repository: repository == ref.repository)
    short = release.short
    child = digest_of(PLAIN).removeprefix("sha256:")[:12]
    assert server.asked == [
        f"PUT /v2/api/manifests/morphops-{short}-{child}",
        f"PUT /v2/api/manifests/morphops-{short}",
    ]


@pytest.mark.usefixtures("docker_config")
@pytest.mark.parametrize(
    ("mode", "error", "says"),
    [
        ("", NotFound, "does not have it"),
        ("500", RegistryError, "answers HTTP 500"),
        ("denied", RegistryError, "no credentials for it stand in Docker's configuration"),
    ],
)
def test_what_a_registry_can_say(
    server: Server, mode: str, error: type[MorphopsError], says: str
) -> None:
    server.mode = mode
    assert says in refused(server, error)
    assert sum("manifests" in line for line in server.asked) <= 2


def test_credentials_are_used_and_their_refusal_is_explained(
    server: Server, docker_config: Path
) -> None:
    server.mode = "bearer"
    log_in(docker_config, server)
    assert "does not have it" in refused(server, NotFound)
    log_in(docker_config, server, "wrong")
    message = refused(server, RegistryError)
    assert "were not accepted" in message
    assert f"next:  docker login {server.host}" in message


def test_a_credential_helper_is_asked(
    server: Server, docker_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-test"
    said = json.dumps({"Username": "user", "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\necho '{said}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    docker_config.write_text(json.dumps({"credHelpers": {server.host: "test"}}))
    server.mode = "bearer"
    assert "does not have it" in refused(server, NotFound)


@pytest.mark.usefixtures("docker_config")
def test_other_bytes_for_a_digest_are_refused(server: Server) -> None:
    digest = digest_of(PLAIN)
    server.manifests[f"/v2/api/manifests/{digest}"] = PLAIN
    assert Registry(server.host).has("api", digest)
    server.mode = "other bytes"
    with pytest.raises(IntegrityError, match="does not hash to its digest"):
        Registry(server.host).has("api", digest)


@pytest.mark.usefixtures("docker_config")
def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(RegistryError, match=f"the registry {host} is out of reach") as caught:
        Registry(host).ping()
    assert caught.value.hint == "inv registry.up"


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("nginx", "https://registry-1.docker.io/v2/library/nginx/manifests/"),
        ("you/api", "https://registry-1.docker.io/v2/you/api/manifests/"),
        ("docker.io/library/nginx", "https://registry-1.docker.io/v2/library/nginx/manifests/"),
        ("docker.io/nginx", "https://registry-1.docker.io/v2/library/nginx/manifests/"),
        ("index.docker.io/you/api", "https://registry-1.docker.io/v2/you/api/manifests/"),
        ("ghcr.io/you/api", "https://ghcr.io/v2/you/api/manifests/"),
        ("localhost/api", "http://localhost/v2/api/manifests/"),
        ("127.0.0.1:5000/a/b/c", "http://127.0.0.1:5000/v2/a/b/c/manifests/"),
    ],
)
def test_the_registry_of_an_image_is_the_one_that_docker_would_ask(
    repository: str, url: str
) -> None:
    ref = ImageRef(repository, digest_of(b"x"))
    assert f"{base_url(ref.host)}/{ref.path}/manifests/" == url
    assert str(ref) == f"{repository}@{ref.digest}"  # as the engine knows it


def test_a_broken_docker_configuration(server: Server, docker_config: Path) -> None:
    docker_config.write_text("{")
    assert "cannot be read as Docker's configuration" in refused(server, InputError)
