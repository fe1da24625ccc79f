"""Where the engine is, as the docker CLI decides it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.endpoint import Endpoint, find
from morphops.errors import EngineUnavailable

DEFAULT = "unix:///var/run/docker.sock"
TLS = {"DOCKER_TLS_VERIFY": "1"}


@pytest.mark.parametrize(
    ("environ", "chosen", "context", "expected"),
    [
        ({}, "", "", Endpoint(DEFAULT)),
        ({}, "default", "", Endpoint(DEFAULT)),
        ({"DOCKER_HOST": "unix:///x"}, "other", "", Endpoint("unix:///x")),
        ({"DOCKER_HOST": "unix:///x"} | TLS, "", "", Endpoint("unix:///x")),
        ({"DOCKER_HOST": "tcp://h:1"}, "", "", Endpoint("tcp://h:1")),
        ({"DOCKER_HOST": "tcp://h:1"} | TLS, "", "", Endpoint("tcp://h:1", direct=False)),
        ({"DOCKER_HOST": "ssh://h"}, "", "", Endpoint("ssh://h", direct=False)),
        ({"DOCKER_HOST": "h:1"}, "", "", Endpoint("h:1", direct=False)),
        (TLS, "", "", Endpoint("tcp://localhost:2376", direct=False)),
        ({}, "other", "unix:///y", Endpoint("unix:///y")),
        ({}, "other", "tcp://h:1", Endpoint("tcp://h:1", direct=False)),  # it may have TLS
        ({"DOCKER_CONTEXT": "c"}, "", "ssh://h", Endpoint("ssh://h", direct=False)),
        ({"DOCKER_CONTEXT": "default"}, "other", "", Endpoint(DEFAULT)),
    ],
)
def test_where_the_engine_is(
    tmp_path: Path, environ: Mapping[str, str], chosen: str, context: str, expected: Endpoint
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"currentContext": chosen}))

    def ask() -> str:
        assert context, "the context was asked for"
        return context

    assert find({**environ, "DOCKER_CONFIG": str(tmp_path)}, ask) == expected


@pytest.mark.parametrize("text", [None, "no JSON", "[]", "[" * 100_000])
def test_a_configuration_that_says_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / ".docker").mkdir()
        (tmp_path / ".docker" / "config.json").write_text(text)
    assert find({"HOME": str(tmp_path)}, str) == Endpoint(DEFAULT)


def test_only_a_socket_is_on_this_machine() -> None:
    assert Endpoint("unix:///x").is_local
    assert Endpoint("unix:///x").socket == Path("/x")
    assert not Endpoint("tcp://127.0.0.1:1").is_local
    assert Endpoint("ssh://h").socket is None


def test_a_context_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = tmp_path / "docker"
    client.write_text("#!/bin/sh\necho context not found: $* >&2\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "nosuch")
    with pytest.raises(EngineUnavailable, match="could not read the docker context") as caught:
        Docker().engine.info()
    assert caught.value.hint == "docker context ls"
    assert "context not found: context inspect" in caught.value.detail[0]


def test_a_context_without_a_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    with pytest.raises(EngineUnavailable, match="no `docker` command"):
        Docker().engine.info()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (DEFAULT, "127.0.0.1"),
        ("tcp://127.0.0.1:2375", "127.0.0.1"),
        ("tcp://[::1]:2375", "::1"),
        ("tcp://engine.example:2376", "engine.example"),
        ("ssh://me@engine.example", "engine.example"),
        ("h:1", "127.0.0.1"),
        ("tcp://[", "127.0.0.1"),
    ],
)
def test_the_machine_of_an_engine(url: str, host: str) -> None:
    assert Endpoint(url).host == host
