"""What the suites need of a place: images, a stack, and what others may do to it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from morphops.core.plan.plan import ownership
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image
from morphops.core.seal import Seal
from morphops.core.stack import Instance, Running, Stack
from morphops.interfaces import Platform
from tests import stacks

SECRET = "sk-sentinel-contract"
EPOCH_URL = "http://127.0.0.1:8000/epoch"
RELEASE, LATER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
SEAL = Seal(b"contract" * 4)
PATIENCE = 600.0  # seconds; what a busy machine may need for what takes a moment

SCRIPT = """
import os, socket, sys, _thread
print("starting")
print("the token is", os.environ["TOKEN"], flush=True)
sick = os.environ.get("MODE") == "sick"
answers = {b"/epoch": (200, b'{"epoch": 7}'), b"/health": (503 if sick else 200, b"migrating")}
def serve(connection):
    with connection, connection.makefile("rb") as request:
        _, path, _ = request.readline().split()
        while request.readline().strip():
            pass
        status, body = answers.get(path, (404, b""))
        head = f"HTTP/1.0 {status} -\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n"
        connection.sendall(head.encode() + body)
listener = socket.create_server(("", 8000))
while True:
    _thread.start_new_thread(serve, listener.accept()[:1])
"""
COMPOSE = f"""
services:
  a:
    image: ${{A_IMAGE:?is not set}}
    init: true
    user: "10001:10001"
    read_only: true
    stop_grace_period: 1s
    command: [python3, -c, {json.dumps(SCRIPT)}, "--level=${{LEVEL:-info}}"]
    environment: {{TOKEN: "${{TOKEN:?is not set}}"}}
    ports: ["127.0.0.1:${{PORT:?is not set}}:8000"]
    volumes: ["rows:/rows", "${{HOST_FILE:?is not set}}:/etc/host.conf:ro"]
    networks: [back]
    healthcheck:
      test: [CMD, curl, -sS, --fail-with-body, "http://127.0.0.1:8000/health"]
      interval: 1s
      timeout: 10s
      retries: 1
  b:
    image: ${{B_IMAGE:?is not set}}
    init: true
    stop_grace_period: 1s
    command: [python3, -c, "import time; time.sleep(100000)"]
    scale: 2
    networks: [back]
    configs: [{{source: app, target: /etc/app.conf}}]
    secrets: [token]
  once:
    image: ${{JOB_IMAGE:?is not set}}
    init: true
    stop_grace_period: 1s
    command:
      - sh
      - -c
      - 'echo starting; echo the token is $$TOKEN; sleep ${{LASTS:-0}}; exit ${{CODE:-0}}'
    environment: {{TOKEN: "${{TOKEN:?is not set}}"}}
    networks: [back]
  after:
    image: ${{B_IMAGE:?is not set}}
    init: true
    stop_grace_period: 1s
    command: [python3, -c, "import time; time.sleep(100000)"]
    networks: [back]
    depends_on: {{once: {{condition: service_completed_successfully}}}}
configs:
  app: {{content: "app ${{APP:-one}} $$5"}}
secrets:
  token: {{environment: TOKEN}}
networks:
  back:
volumes:
  rows:
"""


@dataclass
class Place(ABC):
    """A project on a platform.

    Attributes:
        folder: for its files.
        project: its name.
        good, other, sick: images that are there; the last one never becomes healthy.
        port: that its stack publishes.
        survives: whether a lock outlives the process that holds it, unless the platform sees to
            that; false where everything is one process.
    """

    folder: Path
    project: str
    good: Image
    other: Image
    sick: Image
    port: int
    survives: bool = False

    @property
    def missing(self) -> Image:
        """An image that nobody has."""
        ref = ImageRef(self.good.ref.repository, f"sha256:{'0' * 64}")
        return replace(self.good, ref=ref, manifest=ref.digest)

    @property
    def forged(self) -> Image:
        """An image that can be had, and that the release recorded as another one."""
        return replace(self.other, config=f"sha256:{'0' * 64}")

    @abstractmethod
    def client(self) -> Platform:
        """One more client of the platform, as another process has."""

    @abstractmethod
    def pause(self, container: Instance) -> None:
        """Pause a container."""

    @abstractmethod
    def stop(self, container: Instance) -> None:
        """Let a container end by itself."""

    @abstractmethod
    def run_once(self) -> None:
        """Let somebody run something once, beside the service `a`."""

    @abstractmethod
    def job(self, code: int, *, lasts: int = 0) -> dict[str, str]:
        """The values with which `once` ends with a code, after so many seconds at least."""

    @abstractmethod
    def drop(self, image: Image) -> None:
        """Let an image be gone from the engine."""

    @abstractmethod
    def is_held(self, image: Image, release: str) -> bool:
        """Whether the platform holds an image for a release of this project."""

    @abstractmethod
    def volumes(self) -> set[str]:
        """The names of the project's volumes."""

    @property
    @abstractmethod
    def names_by_config(self) -> bool:
        """Whether an image is named by its configuration, as in the overlay2 store."""

    @abstractmethod
    @contextmanager
    def occupied(self, port: int) -> Iterator[None]:
        """Let somebody else listen on a port of 127.0.0.1."""
        yield

    @abstractmethod
    def clean(self) -> None:
        """Remove everything that is left of the project."""

    def stack(self, image: Image | None = None, *, release: str = RELEASE, **values: str) -> Stack:
        """The stack with these values, marked as a release that keeps what is unchanged.

        Args:
            image: of `a`; none: the good one.
            release: that new containers are marked with.
            values: of its env file.
        """
        number = len(list(self.folder.glob("*.env")))
        file = self.folder / "compose.yaml"
        file.write_text(COMPOSE)
        env, marks = self.folder / f"{number}.env", self.folder / f"{number}.json"
        images = {"A_IMAGE": str((image or self.good).ref), "B_IMAGE": str(self.good.ref)}
        self.host_file.touch()
        host_file = str(self.host_file)
        given = {"TOKEN": SECRET, "PORT": str(self.port), "HOST_FILE": host_file}
        given |= {**images, "JOB_IMAGE": images["B_IMAGE"], **values}
        stacks.write_env(env, **given)
        bare = Stack(self.project, (file,), env, variables=frozenset(given), seal=SEAL)
        workloads = self.client().workloads
        services = workloads.render(bare)
        owners = ownership(services, workloads.observe(self.project), release)
        marks.write_bytes(workloads.marks(services, owners))
        return replace(bare, files=(file, marks))

    @property
    def host_file(self) -> Path:
        """A file of the machine that `a` is given."""
        return self.folder / "host.conf"

    @property
    def running(self) -> Running:
        return self.client().workloads.observe(self.project)

    def only(self, service: str) -> Instance:
        (found,) = self.running.of(service)
        return found
