"""A bundle, a release, its services and containers, for tests that need some."""

from __future__ import annotations

from morphops.core.bundle.schema import Bundle, ComposeSpec, EnvSpec, ImageSpec, Wave
from morphops.core.probes.checksum import Checksum
from morphops.core.release.reference import ImageRef
from morphops.core.release.release import Image, Release
from morphops.core.stack import Identity, Instance, Service


def digest(mark: str) -> str:
    return f"sha256:{mark * 64}"


def image(name: str, mark: str, *, index: str = "") -> Image:
    ref = ImageRef(f"r.example/{name}", digest(index or mark))
    return Image(name, ref, digest(mark), digest("c"), "linux/amd64")


BUNDLE = Bundle(
    schema=1,
    project="shop",
    registry="r.example",
    releases="shop/releases",
    images={"api": ImageSpec(repository="api", variable="API")},
    compose=ComposeSpec(files=("compose.yaml",)),
    env=EnvSpec(file="x", schema="y"),
    probes={
        "data": Checksum(kind="checksum", document="d", file="f", bytes="b", sha256="s"),
        "ready": Checksum(kind="checksum", document="d", file="f", bytes="b", sha256="s"),
    },
    checks=("data",),
    waves=(
        Wave(services=("db", "cache"), deadline=5),
        Wave(services=("api",), probes=("ready",), deadline=7),
    ),
)
API, UNUSED = image("api", "a"), image("unused", "b")
RELEASE = Release(digest("1"), "shop", (API, UNUSED), {})


def service(name: str, config: str = "c1", **changes: object) -> Service:
    return Service(name, str(API.ref), config, **changes)  # type: ignore[arg-type]


def container(name: str, config: str = "c1", **changes: object) -> Instance:
    identity = Identity("config", API.config)
    given = {"state": "running", "health": "healthy", "config": config, **changes}
    return Instance(name, f"{name}-id", identity, **given)  # type: ignore[arg-type]


def services(*names: str) -> dict[str, Service]:
    return {name: service(name) for name in names}
