"""The platform that a release is resolved for: the bundle's, else the engine's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.registry.registry import Registry
from morphops.core.release.digest import digest_of
from morphops.core.release.reference import ImageRef
from morphops.errors import EngineUnavailable, MorphopsError, NotFound, RegistryError
from morphops.operations.release.publish import resolve_image
from morphops.site import Site, open_site
from tests.fakes import FakeTarget, Recorder
from tests.paths import STACK

OWN = STACK / "bundle.yaml"
REF = ImageRef("127.0.0.1:1/shop/api", digest_of(b"x"))


class Elsewhere(FakeTarget):
    """An engine on a machine of another kind."""

    def platform(self) -> str:
        return "linux/arm64"


class Away(FakeTarget):
    """An engine that does not answer."""

    def platform(self) -> str:
        raise EngineUnavailable("no engine answers")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The platforms that registries were asked for."""
    platforms: list[str] = []

    def resolve(self: Registry, name: str, ref: ImageRef, platform: str) -> Any:
        platforms.append(platform)
        return None, {}

    monkeypatch.setattr(Registry, "resolve_image", resolve)
    return platforms


def site_with(tmp_path: Path, images: FakeTarget) -> Site:
    environ = {"MORPHOPS_BUNDLE": str(OWN), "MORPHOPS_STATE": str(tmp_path)}
    return open_site(Recorder(), environ).on(images=images)


@pytest.mark.parametrize(
    ("said", "engine", "platform"),
    [
        ("", Elsewhere({}), "linux/arm64"),
        ("", FakeTarget({}), "linux/amd64"),
        ("linux/riscv64", Elsewhere({}), "linux/riscv64"),
        ("linux/amd64", Away({}), "linux/amd64"),
    ],
)
def test_what_a_release_is_resolved_for(
    tmp_path: Path, asked: list[str], said: str, engine: FakeTarget, platform: str
) -> None:
    site = site_with(tmp_path, engine)
    resolve_image(site, replace(site.bundle, platform=said), "api", REF)
    assert asked == [platform]


@pytest.mark.parametrize(
    ("host", "error", "hint"),
    [
        ("own", NotFound("it does not have it"), "see whether the digest"),
        ("ghcr.io", NotFound("it does not have it"), "see whether the digest"),
        ("own", RegistryError("out of reach", hint="inv registry.up"), "inv registry.up"),
        (
            "127.0.0.1:1",
            RegistryError("out of reach", hint="inv registry.up"),
            "see whether the registry at 127.0.0.1:1 runs",
        ),
        ("ghcr.io", RegistryError("refused", hint="docker login ghcr.io"), "docker login ghcr.io"),
    ],
)
def test_an_image_that_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, error: MorphopsError, hint: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(Registry, "resolve_image", refuse)
    site = site_with(tmp_path, FakeTarget({}))
    ref = ImageRef(f"{site.bundle.registry if host == 'own' else host}/shop/api", REF.digest)
    with pytest.raises(type(error)) as caught:
        resolve_image(site, site.bundle, "api", ref)
    assert caught.value.state == "nothing was changed"
    assert caught.value.hint.startswith(hint)


def test_without_an_engine_the_bundle_must_say_it(tmp_path: Path, asked: list[str]) -> None:
    site = site_with(tmp_path, Away({}))
    with pytest.raises(EngineUnavailable) as caught:
        resolve_image(site, site.bundle, "api", REF)
    assert "platform:" in caught.value.hint
    assert asked == []
