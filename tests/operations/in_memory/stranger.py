"""A project whose compose file has literal images, and files beside it; with a registry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from morphops.core.release.artifact import MANIFEST
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.release import Release
from morphops.operations.deploy import deploy
from morphops.operations.release.create import Created, create
from tests.adapters.registry.fake_registry import FakeRegistry
from tests.operations.in_memory.world import WELL, World

BUNDLE = """
schema: 1
project: shop
registry: HOST
releases: shop/releases
images:
  web: {source: "HOST/nginx:1", services: [web]}
  db: {source: "HOST/postgres:16", services: [db]}
compose:
  files: [compose.yaml]
  carries: [nginx.conf, conf]
  data: [data]
  leaves: [.]
env: {file: "{state}/shop.env", schema: schema.yaml}
waves:
  - {services: [db], deadline: 5}
  - {services: [web], deadline: 5}
settle: 0
"""
COMPOSE = """
services:
  db:
    image: HOST/postgres:16
    volumes: ["./data:/var/lib/data"]
    healthcheck: {test: [CMD, check], interval: 1s, timeout: 1s}
  web:
    image: HOST/nginx:1
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf
      - ./conf:/conf:ro
      - .:/app
      - /etc/hostname:/host:ro
    healthcheck: {test: [CMD, check], interval: 1s, timeout: 1s}
"""
NGINX = "    image: HOST/nginx:1\n"
SCHEMA = "schema: 1\nvariables: {TOKEN: {about: A secret., required: true, secret: true}}\n"


def push(registry: FakeRegistry, tag: str, content: str) -> str:
    """Put an image under a tag of a registry, and return its digest."""
    config = canonical_json({"os": "linux", "architecture": "amd64", "of": content})
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"digest": digest_of(config), "size": len(config)},
            "layers": [],
        }
    ).encode()
    name, _, version = tag.partition(":")
    registry.blobs.setdefault(name, {})[digest_of(config)] = config
    for reference in (version, digest_of(manifest)):
        registry.manifests.setdefault(name, {})[reference] = (MANIFEST, manifest)
    return digest_of(manifest)


@dataclass
class Stranger:
    """That project in a world.

    Attributes:
        world: has its folder, its engine and its state.
        registry: has the images, and takes the releases.
    """

    world: World
    registry: FakeRegistry

    def __post_init__(self) -> None:
        for tag in ("nginx:1", "postgres:16"):
            self.push(tag, tag)
        for name, text in {
            "bundle.yaml": BUNDLE,
            "compose.yaml": COMPOSE,
            "schema.yaml": SCHEMA,
            "nginx.conf": "worker_processes 1;\n",
            "conf/a.conf": "a\n",
            "conf/init.sh": "#!/bin/sh\n",
        }.items():
            self.write(name, text)
        (self.world.folder / "ops/conf/init.sh").chmod(0o750)
        (self.world.folder / "state/shop.env").write_text("TOKEN=made-up-sentinel\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of the bundle's folder; HOST is that of the registry."""
        path = self.world.folder / "ops" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace("HOST", self.registry.host))

    def change(self, name: str, was: str, becomes: str) -> None:
        """Replace a part of a file."""
        text = (self.world.folder / "ops" / name).read_text()
        was = was.replace("HOST", self.registry.host)
        assert was in text
        self.write(name, text.replace(was, becomes))

    def push(self, tag: str, content: str) -> str:
        """Put an image under a tag, and return its digest."""
        return push(self.registry, tag, content)

    def create(self, *images: str, frozen: bool = False, at: Path | None = None) -> Created:
        """Make a release of the files as they are.

        Args:
            images, frozen: see `create`.
            at: the bundle's folder; None for that of the world.
        """
        made = create(self.world.site(folder=at), images, (), frozen=frozen)
        for image in made.release.images:
            self.world.engine.publish(image, WELL)
        return made

    def deploy(self) -> Release:
        """Make a release of the files as they are, and deploy it."""
        release = self.create().release
        deploy(self.world.site(), [release.digest])
        return release
