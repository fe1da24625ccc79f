"""A real engine with Compose, held against the promises of the seams."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.platform import compose_platform
from morphops.core.redact import Redactor
from morphops.core.release.reference import hold_tag
from morphops.core.release.release import Image
from morphops.core.stack import Instance
from morphops.interfaces import Platform
from tests import stacks
from tests.contracts.place import SECRET, Place


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], check=check, capture_output=True, text=True)
    return done.stdout.strip()


@dataclass
class ComposePlace(Place):
    """A project on this machine's engine."""

    once: list[str] = field(default_factory=list)

    def client(self) -> Platform:
        redact = Redactor()
        redact.learn([SECRET])
        return compose_platform(Docker(redact), redact)

    def pause(self, container: Instance) -> None:
        docker("pause", container.id)

    def stop(self, container: Instance) -> None:
        docker("stop", "-t", "1", container.id)

    def run_once(self) -> None:
        labels = {"project": self.project, "service": "a", "oneoff": "True"}
        words = [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        image = str(self.good.ref)
        self.once.append(docker("run", "-d", "--init", *words, image, "sleep", "1000"))

    def job(self, code: int, *, lasts: int = 0) -> dict[str, str]:
        return {"CODE": str(code), "LASTS": str(lasts)}

    def drop(self, image: Image) -> None:
        docker("image", "rm", str(image.ref), check=False)

    def is_held(self, image: Image, release: str) -> bool:
        tag = hold_tag(self.project, image.ref, release)
        return docker("image", "ls", "-q", tag) != ""

    def volumes(self) -> set[str]:
        return set(docker("volume", "ls", "-q", "--filter", self._label).split())

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"

    @property
    def names_by_config(self) -> bool:
        return "io.containerd.snapshotter" not in docker("info", "-f", "{{.DriverStatus}}")

    @contextmanager
    def occupied(self, port: int) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", port)):
            yield

    def clean(self) -> None:
        if self.once:
            docker("rm", "-f", *self.once)
        if there := docker("ps", "-aq", "--filter", self._label).split():
            docker("unpause", *there, check=False)  # a paused one does not hear that it is to stop
            docker("compose", "-p", self.project, "down", "-t", "1", "--remove-orphans")
        stacks.forget(self.project)
        stacks.remove_holds(self.project)
        if left := self.volumes():
            docker("volume", "rm", *left)
