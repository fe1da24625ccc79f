"""Docker's configuration and its credential helpers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from morphops.adapters.registry import RegistryClient
from morphops.adapters.registry.exchange import Exchange, Question
from morphops.adapters.registry.transport import Answer
from morphops.core.release.reference import HUB
from morphops.errors import InputError, PreconditionError, RegistryError
from tests.adapters.registry.fake_registry import IDENTITY, PASSWORD, USER, FakeRegistry


def helper(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "docker-credential-test"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("key", ["credHelpers", "credsStore"])
@pytest.mark.parametrize("user", [USER, "<token>"])
def test_a_helper_is_asked_on_its_standard_input(
    server: FakeRegistry,
    docker_config: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    user: str,
) -> None:
    said = {"Username": user, "Secret": IDENTITY if user == "<token>" else PASSWORD}
    asked = f'[ "$*" = get ] && [ "$(cat)" = {server.host} ] || exit 1'
    script = f"{asked}\necho '{json.dumps(said)}'"
    helper(docker_config.parent, script, monkeypatch)
    named: object = {server.host: "test"} if key == "credHelpers" else "test"
    docker_config.write_text(json.dumps({key: named, "auths": {server.host: {}}}))
    server.login = "bearer"
    RegistryClient(server.host).ping()


def test_a_helper_that_has_none(
    server: FakeRegistry, docker_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "echo credentials not found in native keychain\nexit 1"
    helper(docker_config.parent, script, monkeypatch)
    docker_config.write_text(json.dumps({"credsStore": "test"}))
    server.login = "basic"
    with pytest.raises(RegistryError, match="no credentials"):
        RegistryClient(server.host).ping()


@pytest.mark.parametrize(
    ("name", "script", "says"),
    [
        ("test", f"echo {PASSWORD}; exit 3", "exit 3"),
        ("test", f"echo {PASSWORD}", "not what helpers say"),
        ("absent", "", "No such file"),
        ("../test", "", "not a name"),
    ],
)
def test_a_helper_that_does_not_work(
    server: FakeRegistry,
    docker_config: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    script: str,
    says: str,
) -> None:
    helper(docker_config.parent, script, monkeypatch)
    docker_config.write_text(json.dumps({"credsStore": name}))
    client = RegistryClient(server.host)
    client.ping()  # nobody asked for credentials
    server.login = "basic"
    with pytest.raises(PreconditionError, match=says) as caught:
        client.ping()
    assert PASSWORD not in caught.value.message()


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"h": {"auth": "%"}}}', '{"auths": 5}'])
def test_a_broken_docker_configuration(
    server: FakeRegistry, docker_config: Path, text: str
) -> None:
    docker_config.write_text(text)
    with pytest.raises(InputError, match="cannot be read as Docker's configuration"):
        RegistryClient(server.host).ping()


@pytest.mark.parametrize(
    ("host", "hint"), [(HUB, "docker login"), ("ghcr.io", "docker login ghcr.io")]
)
def test_how_to_log_in(host: str, hint: str) -> None:
    exchange = Exchange(host, stalled_after=1, whole=1)
    refusal = exchange.refusal(Question("ask", "GET", "/"), Answer(401, {}, b"", foreign=False))
    assert refusal.hint == hint
