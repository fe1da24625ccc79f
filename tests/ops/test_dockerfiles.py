"""The Dockerfiles and the bake file keep what the manifests and the releases rely on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from morphops.adapters.docker.client import Docker
from tests.paths import OPS

FOLDER = OPS / "docker"
DOCKERFILES = sorted(FOLDER.glob("*.Dockerfile"))


def lines_of(path: Path) -> list[str]:
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]


def test_they_are_all_here() -> None:
    assert [path.name for path in DOCKERFILES] == [
        "code-data.Dockerfile",
        "rpc-adapter.Dockerfile",
        "server.Dockerfile",
    ]


def test_each_says_its_port_and_has_what_health_checks_ask_with() -> None:
    for path in DOCKERFILES:
        lines = lines_of(path)
        assert any(re.match(r"EXPOSE \d+$", line) for line in lines)
        assert any("command -v curl" in line for line in lines)


def test_server_and_adapter_share_every_layer() -> None:
    one, other = (lines_of(FOLDER / f"{name}.Dockerfile") for name in ("server", "rpc-adapter"))
    differing = {
        line.split()[0]
        for line in set(one) ^ set(other)
        if not line.startswith("#")  # the notes may differ, the steps may not
    }
    assert differing == {"EXPOSE", "ENTRYPOINT"}


@pytest.mark.engine
def test_the_bake_file_resolves() -> None:
    docker = Docker()
    with docker.call("read the bake file"):
        found = docker.client().buildx.bake(
            files=[FOLDER / "docker-bake.hcl"],
            variables={
                "REGISTRY": "127.0.0.1:5000",
                "VERSION": "1.2",
                "REVISION": "abc",
                "SOURCE": "https://forge.example/x",
            },
            print=True,
        )
    assert isinstance(found, dict)
    targets = found["target"]
    assert set(targets) == {"server", "rpc-adapter", "code-data"}
    for name, target in targets.items():
        assert target["tags"] == [f"127.0.0.1:5000/morphogen/{name}:build"]
        assert target["labels"] == {
            "org.opencontainers.image.title": f"morphogen-{name}",
            "org.opencontainers.image.version": "1.2",
            "org.opencontainers.image.revision": "abc",
            "org.opencontainers.image.source": "https://forge.example/x",
        }
        assert (FOLDER.parent / target["context"] / target["dockerfile"]).is_file()
