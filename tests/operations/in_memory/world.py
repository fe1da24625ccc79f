"""A small project on the fake platform: releases, values, data, and commands as processes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from morphops.core.history.operations import Record
from morphops.core.release import artifact
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release
from morphops.operations.release import find
from morphops.site import Site, open_site
from morphops.testing import Behaviour, FakeEngine, FakePlatform, RecordingObserver

# Where to sync a file costs nothing, as far as this machine has such a place.
MEMORY = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)
PROJECT = "shop"
SECRET = "sk-sentinel-in-memory"
EPOCH_URL = "http://127.0.0.1:8000/epoch"
WELL = Behaviour(answers={EPOCH_URL: b'{"epoch": 7}'}, logs=("starting", f"the token is {SECRET}"))
SICK = dataclasses.replace(WELL, health="unhealthy", health_output=f"503 for {SECRET}")

BUNDLE = """
schema: 1
project: shop
registry: 127.0.0.1:1
releases: shop/releases
images:
  db: {repository: shop/db, variable: DB_IMAGE}
  api: {repository: shop/api, variable: API_IMAGE}
compose: {files: [compose.yaml]}
env: {file: "{state}/shop.env", schema: schema.yaml}
documents:
  data: {path: "{DATA_DIR}/manifest.json"}
checks: [data]
waves:
  - {services: [db], deadline: 5}
  - {services: [api, worker], deadline: 5, probes: [ready]}
probes:
  data: {kind: checksum, document: data, file: file, bytes: bytes, sha256: sha256}
  ready:
    kind: agree
    services: [api, db]
    url: http://127.0.0.1:8000/epoch
    fields: {epoch: epoch}
    document: data
    matches: {epoch: epoch}
    reads: 1
    deadline: 0.01
    interval: 0.01
settle: 0
"""
SCHEMA = """
schema: 1
variables:
  TOKEN: {about: A secret., required: true, secret: true, placeholder: CHANGE_ME}
  DATA_DIR: {about: Folder of the data., required: true}
  LEVEL: {about: How much is logged., default: info}
"""
COMPOSE = """
services:
  db:
    image: ${DB_IMAGE:?is not set}
    volumes: ["rows:/var/lib/rows"]
    healthcheck: {test: [CMD, check], interval: 1s, timeout: 1s}
  api:
    image: ${API_IMAGE:?is not set}
    command: [serve, "--level=${LEVEL:-info}"]
    environment: {TOKEN: "${TOKEN:?is not set}"}
    ports: ["127.0.0.1:8123:8000"]
    healthcheck: {test: [CMD, check], interval: 1s, timeout: 1s}
volumes:
  rows:
"""
# Only the first release has it, so that an upgrade removes it.
WORKER = """
  worker:
    image: ${API_IMAGE:?is not set}
    command: [work]
"""


class Killed(BaseException):
    """The process is killed here: nothing of it goes on, and no end is recorded."""


def image(name: str, version: str) -> tuple[Image, bytes]:
    """An image, and its manifest."""
    config = digest_of(f"{name} {version}".encode())
    manifest = canonical_json(
        {"schemaVersion": 2, "mediaType": artifact.MANIFEST, "config": {"digest": config}}
    )
    ref = ImageRef(f"127.0.0.1:1/shop/{name}", digest_of(manifest))
    return Image(name, ref, ref.digest, config, "linux/amd64"), manifest


def release(version: str, *, worker: bool = False) -> Release:
    """A release: its `api` is of that version, its `db` is always the same."""
    compose = COMPOSE.replace("volumes:\n  rows:", f"{WORKER.strip(chr(10))}\nvolumes:\n  rows:")
    return release_of(api=version, compose=compose if worker else COMPOSE)


def release_of(
    *,
    db: str = "1",
    api: str = "1",
    bundle: str = BUNDLE,
    compose: str = COMPOSE,
    more: Mapping[str, str] = MappingProxyType({}),
) -> Release:
    """A release of these versions and files, and of more images: name → version."""
    versions = {"db": db, "api": api, **more}
    images = dict(image(name, version) for name, version in versions.items())
    files = {"bundle.yaml": bundle, "schema.yaml": SCHEMA, "compose.yaml": compose}
    made = artifact.encode(
        project=PROJECT,
        images=list(images),
        files={name: textwrap.dedent(text).encode() for name, text in files.items()},
        manifests={digest_of(data): data for data in images.values()},
        labels={},
    )
    return artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)


OLD, NEW = release("1", worker=True), release("2")


@dataclass
class World:
    """A project folder, a state folder and an engine; `site` is what a new process opens.

    The folder may be one that another world left; else it is made.
    """

    folder: Path
    engine: FakeEngine = field(default_factory=FakeEngine)
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    def __post_init__(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            return
        (self.folder / "ops").mkdir(parents=True)
        (self.folder / "ops/bundle.yaml").write_text(BUNDLE)
        (self.folder / "ops/schema.yaml").write_text(SCHEMA)
        (self.folder / "data").mkdir()
        self.write_data(b"rows")
        content = (self.folder / "data/rows").read_bytes()
        (self.folder / "data/manifest.json").write_text(
            json.dumps(
                {
                    "epoch": 7,
                    "file": "rows",
                    "bytes": len(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                }
            )
        )
        (self.folder / "state").mkdir(mode=0o700)
        self.set()
        for one in (OLD, NEW):
            self.keep(one)

    def keep(self, which: Release, **behaviours: Behaviour) -> None:
        """Have a release in the state folder, and its images in the registry.

        Args:
            which: the release.
            behaviours: image → how its containers behave; well where nothing is said.
        """
        find.keep(self.site(), which)
        for one in which.images:
            self.engine.publish(one, behaviours.get(one.name, WELL))

    def write_data(self, content: bytes) -> None:
        (self.folder / "data/rows").write_bytes(content)

    def set(self, **values: str) -> None:
        """Write the env file."""
        given = {"TOKEN": SECRET, "DATA_DIR": str(self.folder / "data"), **values}
        path = self.folder / "state/shop.env"
        path.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
        path.chmod(0o600)

    def site(self, *, of_record: bool = False, folder: Path | None = None) -> Site:
        """The site as a process of its own opens it; see `open_site`.

        Args:
            of_record: see `open_site`.
            folder: the bundle's, where it is another one.
        """
        environ = {
            "MORPHOPS_BUNDLE": str((folder or self.folder / "ops") / "bundle.yaml"),
            "MORPHOPS_STATE": str(self.folder / "state"),
        }
        site = open_site(self.observer, environ, of_record=of_record)
        platform = FakePlatform(self.engine, redact=site.redact)
        return dataclasses.replace(site, platform=platform)

    def sicken(self, which: Release) -> None:
        """Let the `api` of a release never become healthy."""
        self.engine.behave(str(which.image("api").ref), SICK)

    @property
    def records(self) -> tuple[Record, ...]:
        return self.site().history.records()

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        """Every operation: what it was, and how it came out."""
        return [(record.kind, record.outcome) for record in self.records]

    @property
    def runs(self) -> dict[str, str]:
        """Service → the version that runs healthy; what is not well is told as it is."""
        versions = {
            one.config: "old" if which is OLD else "new"
            for which in (OLD, NEW)
            for one in which.images
            if one.name == "api"
        }
        return {
            c.service: versions.get(c.image.digest, "same") if c.ready else f"{c.state} {c.health}"
            for c in self.engine_view()
        }

    def engine_view(self) -> list[Any]:
        """The containers as they are, asked of the engine itself: no fault hits this."""
        return [container.instance for container in self.engine.of_project(PROJECT)]


OLD_RUNS = {"api": "old", "db": "same", "worker": "old"}
NEW_RUNS = {"api": "new", "db": "same"}
