"""Compose files as people have them: literal images, files beside them, and a build section."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from morphops.adapters.base_images.assemble import BaseImage
from morphops.adapters.registry import RegistryClient
from morphops.adapters.registry.registry import Registry
from tests import stacks
from tests.engine.helpers import actions, containers
from tests.stacks import Inv, free_port

pytestmark = pytest.mark.engine

# It reads its configuration once, so that only a container that was replaced has another one.
SERVER = """
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
said = json.dumps({
    "conf": open("/etc/web.conf").read(),
    "runs": os.access("/start/init.sh", os.X_OK),
    "data": os.path.isdir("/data"),
    "app": os.path.exists("/app"),
    "greeting": os.environ.get("GREETING", ""),
    "built": os.path.exists("/built"),
}).encode()
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said)
HTTPServer(("", 8080), Handler).serve_forever()
"""
CHECK = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/', timeout=30)"
BUNDLE = """
schema: 1
project: PROJECT
registry: REGISTRY
releases: PROJECT/releases
images:
  web: {source: "REGISTRY/shop/web:1", services: [web]}
compose:
  files: [compose.yaml]
  carries: [web.conf, start]
  data: [data]
  leaves: [.]
  values: {.env: [GREETING]}
env: {file: "{state}/shop.env", schema: schema.yaml}
waves: [{services: [web], deadline: 300}]
settle: 0
"""
COMPOSE = """
name: PROJECT
services:
  web:
    image: REGISTRY/shop/web:1
    env_file: .env
    ports: ["127.0.0.1:${WEB_PORT:?is not set}:8080"]
    volumes:
      - ./web.conf:/etc/web.conf
      - ./start:/start:ro
      - ./data:/data
      - .:/app
    healthcheck:
      test: [CMD, python3, -c, "CHECK"]
      interval: 1s
      timeout: 60s
      start_period: 200s
"""
SCHEMA = """
schema: 1
variables:
  WEB_PORT: {about: Where it is published., required: true}
  GREETING: {about: What it says., required: true, secret: true}
"""


@pytest.fixture
def shop(
    tmp_path: Path, registry: str, bases: dict[str, BaseImage]
) -> Iterator[tuple[Inv, str, str]]:
    """The project, its name, and where it answers."""
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    inv = Inv(tmp_path, tmp_path / "state", registry)
    files = {
        "bundle.yaml": BUNDLE,
        "compose.yaml": COMPOSE,
        "schema.yaml": SCHEMA,
        "web.conf": "one",
        "start/init.sh": "#!/bin/sh\n",
    }
    for path, text in files.items():
        write(inv, path, text.replace("PROJECT", name).replace("CHECK", CHECK))
    (tmp_path / "ops/start/init.sh").chmod(0o755)
    (tmp_path / "tasks.py").write_text("from morphops.tasks import ns\n")
    port = free_port()
    inv.state.mkdir(mode=0o700)
    env = inv.state / "shop.env"
    env.write_text(f"WEB_PORT={port}\nGREETING={stacks.SECRET}\n")
    env.chmod(0o600)
    tag(registry, push(bases, registry, "1"), "1")
    yield inv, name, f"http://127.0.0.1:{port}/"
    stacks.remove_stack(name)


def write(inv: Inv, name: str, text: str) -> None:
    path = inv.folder / "ops" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("REGISTRY", inv.registry))


def push(bases: dict[str, BaseImage], registry: str, version: str) -> str:
    """Push an image, and return its digest."""
    entrypoint = ["python3", "-uc", SERVER]
    return stacks.variant(
        bases["python"], registry, "shop/web", entrypoint=entrypoint, VERSION=version
    )


def tag(registry: str, digest: str, name: str) -> None:
    """Let a tag name an image."""
    manifest = RegistryClient(registry).get_manifest("shop/web", digest)
    Registry(registry).tag("shop/web", manifest.data, name)


def created(inv: Inv, *words: str) -> Any:
    done = inv("release.create", *words, "--json")
    assert done.code == 0, done
    return done.json


def says(url: str) -> Any:
    return requests.get(url, timeout=600).json()


def mounts(inv: Inv) -> dict[str, str]:
    """Place inside → what from outside, as the engine says."""
    said = subprocess.run(
        ["docker", "inspect", "--format", "{{json .Mounts}}", containers(inv)["web"]],
        capture_output=True,
        text=True,
        check=True,
    )
    return {one["Destination"]: one["Source"] for one in json.loads(said.stdout)}


def deploy(inv: Inv, release: str) -> None:
    done = inv("deploy", f"--image={release}", "--reason=test")
    assert done.code == 0, done


def test_a_file_that_changes_is_released_and_comes_back(
    shop: tuple[Inv, str, str], registry: str, bases: dict[str, BaseImage]
) -> None:
    inv, _, url = shop
    first = created(inv)
    assert [row["source"] for row in first["sources"]] == [f"{registry}/shop/web:1"]
    assert {row["path"]: row["executable"] for row in first["carried"]} == {
        "web.conf": False,
        "start/init.sh": True,
    }
    deploy(inv, first["release"])
    right = {"runs": True, "data": True, "app": False, "greeting": stacks.SECRET, "built": False}
    assert says(url) == {"conf": "one", **right}
    there = mounts(inv)
    assert there["/data"] == str(inv.folder / "ops/data")
    assert inv("verify").code == 0

    write(inv, "web.conf", "two")
    second = created(inv)
    planned = inv("deploy", f"--image={second['release']}", "--plan", "--json").json
    (change,) = planned["changes"]
    assert (change["action"], change["contents"]) == ("replace", ["carried web.conf"])
    assert change["keys"] == []
    deploy(inv, second["release"])
    assert says(url) == {"conf": "two", **right}
    assert inv("verify").code == 0
    assert inv("rollback", "--reason=the file").code == 0
    assert says(url) == {"conf": "one", **right}
    assert mounts(inv) == there
    assert inv("verify").code == 0

    copy = Path(there["/etc/web.conf"])
    copy.write_text("altered by hand")
    found = inv("drift", "--json")
    assert (found.code, [row["kind"] for row in found.json["differences"]]) == (6, ["host-file"])
    before = containers(inv)["web"]
    assert inv("up", "--reason=as released").code == 0
    assert containers(inv)["web"] != before
    assert says(url) == {"conf": "one", **right}
    assert inv("verify").code == 0

    tag(registry, push(bases, registry, "2"), "1")
    frozen = inv("release.create", "--frozen", "--json")
    assert frozen.code == 3, frozen
    third = created(inv)
    assert [row["moved"] for row in third["sources"]] == [True]
    planned = inv("deploy", f"--image={third['release']}", "--plan", "--json").json
    assert actions(planned) == {"web": "replace"}
    assert planned["changes"][0]["image"]["to"].endswith(third["sources"][0]["digest"])


def test_a_build_section_is_built_and_pinned(shop: tuple[Inv, str, str], registry: str) -> None:
    inv, name, url = shop
    image = '  web: {source: "REGISTRY/shop/web:1", services: [web]}'
    built = f"  web: {{repository: {name}/web, services: [web], target: web}}"
    write(inv, "bundle.yaml", BUNDLE.replace(image, built).replace("PROJECT", name))
    section = "build: {context: ./src, args: {MARK: '${WEB_PORT}'}}"
    text = COMPOSE.replace("image: REGISTRY/shop/web:1", section)
    write(inv, "compose.yaml", text.replace("PROJECT", name).replace("CHECK", CHECK))
    write(inv, "src/Dockerfile", "FROM REGISTRY/shop/web:1\nARG MARK\nCOPY mark /built\n")
    write(inv, "src/mark", "built")
    done = inv("build", "--json")
    assert done.code == 0, done
    ref = done.json["images"]["web"]
    assert ref.startswith(f"{registry}/{name}/web@sha256:")
    release = created(inv)
    assert release["images"]["web"]["ref"] == ref
    deploy(inv, release["release"])
    assert says(url)["built"] is True
    assert inv("verify").code == 0
