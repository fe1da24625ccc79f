"""The fake platform, held against the promises that real ones keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from morphops.core.redact import Redactor
from morphops.core.release.digest import digest_of
from morphops.core.release.reference import ImageRef, hold_tag
from morphops.core.release.release import Image
from morphops.core.stack import Identity, Instance
from morphops.interfaces import Platform
from morphops.testing import Behaviour, FakeContainer, FakeEngine, FakePlatform
from tests.contracts.place import EPOCH_URL, SECRET, Place

WELL = Behaviour(logs=("starting", f"the token is {SECRET}"), answers={EPOCH_URL: b'{"epoch": 7}'})
SICK = replace(WELL, health="unhealthy", health_output="migrating")


def image(name: str) -> Image:
    ref = ImageRef("127.0.0.1:1/morphops-test/a", digest_of(name.encode()))
    return Image("a", ref, ref.digest, digest_of(f"{name} config".encode()), "linux/amd64")


@dataclass
class FakePlace(Place):
    """A project on a fake engine."""

    engine: FakeEngine = field(default_factory=FakeEngine)

    @classmethod
    def make(cls, folder: Path, project: str) -> FakePlace:
        images = image("good"), image("other"), image("sick")
        place = cls(folder, project, *images, port=8123)
        for one in images:
            place.engine.publish(one, SICK if one is place.sick else WELL)
            place.engine.local[str(one.ref)] = one
        return place

    def client(self) -> Platform:
        redact = Redactor()
        redact.learn([SECRET])
        return FakePlatform(self.engine, redact=redact, can={"slots"})

    def pause(self, container: Instance) -> None:
        self.engine.becomes(container.service, state="paused")

    def stop(self, container: Instance) -> None:
        self.engine.becomes(container.service, state="exited", exit_code=0)

    def run_once(self) -> None:
        one = Instance("a", "f" * 64, Identity("config", self.good.config), "running", "none")
        self.engine.add(FakeContainer(self.project, one, one_off=True))

    def job(self, code: int, *, lasts: int = 0) -> dict[str, str]:
        one = image(f"job {code} {lasts}")
        looks = 10**6 if lasts else 2
        ends = replace(WELL, state="exited", exit_code=code, lasts=looks)
        self.engine.publish(one, ends)
        self.engine.local[str(one.ref)] = one
        return {"JOB_IMAGE": str(one.ref)}

    def drop(self, image: Image) -> None:
        self.engine.local.pop(str(image.ref), None)

    def is_held(self, image: Image, release: str) -> bool:
        return hold_tag(self.project, image.ref, release) in self.engine.held

    def volumes(self) -> set[str]:
        return self.engine.volumes.get(self.project, set())

    @property
    def names_by_config(self) -> bool:
        return True

    @contextmanager
    def occupied(self, port: int) -> Iterator[None]:
        self.engine.busy.add(("127.0.0.1", port, "tcp"))
        yield
        self.engine.busy.clear()

    def clean(self) -> None:
        return
