"""The door to docker: what the CLI says, and what its failures become."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.run_once import run_once
from morphops.core.requests import RunRequest
from morphops.errors import ConfigError, EngineCallFailed, EngineUnavailable
from tests.adapters.docker.fake_engine import FakeEngine, sends

Script = Callable[[str], Docker]


@pytest.fixture
def cli(fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Makes a docker CLI of a script; the engine in this process is the one that it is for."""
    monkeypatch.setenv("DOCKER_HOST", fake.url)

    def make(script: str) -> Docker:
        client = tmp_path / "docker"
        client.write_text(f"#!/bin/sh\n{script}\n")
        client.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return Docker(lambda text: text.replace("hunter2", "***"))

    return make


def test_what_the_cli_writes_is_returned(cli: Script) -> None:
    docker = cli('echo "$@"; echo aside >&2')
    assert docker.run(["a", "b c"], "look") == "a b c\n"


def test_its_environment_is_what_it_is_given(cli: Script) -> None:
    docker = cli('echo "$A,$B"')
    assert docker.run(["x"], "look", env={"PATH": os.environ["PATH"], "A": "1"}) == "1,\n"


def test_a_refusal_shows_its_last_lines_without_secrets(cli: Script) -> None:
    docker = cli("seq 20 >&2; echo the word is hunter2 >&2; exit 3")
    with pytest.raises(EngineCallFailed, match="could not look") as caught:
        docker.run(["x"], "look")
    assert caught.value.detail[-2:] == ("20", "the word is ***")
    assert len(caught.value.detail) == 12


def test_a_call_that_does_not_end_is_ended(cli: Script) -> None:
    docker = cli("exec sleep 600")
    with pytest.raises(EngineCallFailed, match=r"no answer within 0\.2 s"):
        docker.run(["x"], "look", 0.2)


def test_a_failure_where_no_engine_answers_says_so(cli: Script, fake: FakeEngine) -> None:
    docker = cli("exit 1")
    fake.answers["/_ping"] = sends(b"")
    with pytest.raises(EngineUnavailable, match="could not look: no Docker engine answers at unix"):
        docker.run(["x"], "look")


def test_a_refusal_of_compose_is_no_question_to_the_engine(cli: Script, fake: FakeEngine) -> None:
    docker = cli('test "$2" = version && { echo Docker Compose 2; exit 0; }; echo bad >&2; exit 1')
    with pytest.raises(ConfigError, match="could not render") as caught:
        docker.run(["compose", "config"], "render", refusal=ConfigError)
    assert caught.value.detail == ("bad",)
    assert fake.asked == []


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo Docker Compose version 2.26.1-4", "Docker Compose version 2.26.1-4"),
        ("exit 1", ""),
        ("echo 'Usage: docker [OPTIONS] COMMAND'", ""),  # how an old client refuses
    ],
)
def test_plugins(cli: Script, script: str, version: str) -> None:
    docker = cli(script)
    assert docker.plugin_version("compose") == version
    assert docker.has_plugin("compose") is bool(version)
    if not version:
        with pytest.raises(EngineUnavailable, match="no Compose plugin"):
            docker.need_compose()


@pytest.mark.parametrize(
    "call",
    [
        lambda docker: docker.run(["x"], "look"),
        lambda docker: docker.start(["x"]),
        lambda docker: docker.client(),
        lambda docker: docker.client_version(),
        lambda docker: docker.has_plugin("compose"),
    ],
)
def test_no_cli(
    call: Callable[[Docker], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="no `docker` command") as caught:
        call(Docker())
    assert "inv host.setup" in caught.value.hint


def test_a_program_runs_once_with_nothing_but_what_it_is_given(cli: Script) -> None:
    docker = cli('printf "%s\\n" "$@"')
    request = RunRequest(
        image="a@sha256:0",
        command=("make", "it all"),
        doing="make it",
        entrypoint="/bin/tool",
        volumes=(("/srv", "/in", "ro"),),
        user="1:2",
    )
    words = run_once(docker, request)
    assert words[:3] == ("run", "--rm", "--pull=never")
    assert {"--network=none", "--read-only", "--cap-drop=ALL"} < set(words)
    assert words[-6:] == (
        "--entrypoint=/bin/tool",
        "--user=1:2",
        "--volume=/srv:/in:ro",
        "a@sha256:0",
        "make",
        "it all",
    )
