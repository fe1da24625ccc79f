"""The Dockerfiles and the bake file keep what the manifests and the releases rely on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from morphops.docker.client import Docker

FOLDER = Path(__file__).parent.parent / "ops" / "docker"
DOCKERFILES = sorted(FOLDER.glob("*.Dockerfile"))
PINNED = re.compile(r"[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}")


def lines_of(path: Path) -> list[str]:
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines() if line.strip()]


def test_they_are_all_here() -> None:
    assert [path.name for path in DOCKERFILES] == [
        "code-data.Dockerfile",
        "rpc-adapter.Dockerfile",
        "server.Dockerfile",
    ]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_each_is_pinned_and_runs_as_nobody_special(path: Path) -> None:
    lines = lines_of(path)
    assert not any(re.match(r"#\s*syntax\s*=", line) for line in lines)
    stages = {line.split()[3] for line in lines if re.match(r"FROM \S+ AS ", line)}
    for line in lines:
        if line.startswith("FROM "):
            base = line.split()[1]
            assert base in stages or PINNED.fullmatch(base), line
    users = [line for line in lines if line.startswith("USER ")]
    assert users[-1] == "USER 10001:10001"
    assert any(re.match(r"EXPOSE \d+$", line) for line in lines)
    assert any(line.startswith('ENTRYPOINT ["') for line in lines)
    assert any("command -v curl" in line for line in lines)


@pytest.mark.parametrize("name", ["server", "rpc-adapter"])
def test_dependencies_are_held_to_their_hashes(name: str) -> None:
    installs = [
        line
        for line in lines_of(FOLDER / f"{name}.Dockerfile")
        if "pip" in line and " install " in line
    ]
    assert len(installs) == 3
    for line in installs:
        if "-r requirements" in line:
            assert "--require-hashes --only-binary :all:" in line
            assert "--mount=type=secret,id=ca" in line
        else:
            assert "--no-build-isolation --no-deps --no-index" in line


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
