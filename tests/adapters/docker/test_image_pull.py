"""A pull: what of it is progress, when it is given up, and who it is made as."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from morphops.adapters.docker import image_pull
from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.image_pull import Progress, registry_auth
from morphops.adapters.registry.credentials import Credential
from morphops.core.release.reference import HUB
from morphops.errors import EngineCallFailed, InputError
from tests.adapters.docker.fake_engine import FakeEngine, chunked, says, sends

REF = "127.0.0.1:5000/a@sha256:" + "0" * 64


def loading(layer: str, current: int, total: int = 3000) -> dict[str, object]:
    detail = {"current": current, "total": total}
    return {"status": "Downloading", "id": layer, "progressDetail": detail}


def test_only_what_is_new_is_progress() -> None:
    progress = Progress()
    messages: list[tuple[dict[str, object], bool]] = [
        ({"status": "Pulling from a", "id": "sha256:00"}, True),
        ({"status": "Pulling fs layer", "id": "aaaa", "progressDetail": {}}, True),
        (loading("aaaa", 1000), True),
        (loading("aaaa", 1000), False),  # the ticks of the containerd store
        ({"status": "Retrying in 5 seconds", "id": "aaaa"}, False),
        ({"status": "Retrying in 4 seconds", "id": "aaaa"}, False),
        (loading("bbbb", 1000), True),
        (loading("aaaa", 2000), True),
        ({"status": "Pull complete", "id": "aaaa", "progressDetail": None}, True),
        ({"status": "Pull complete", "id": "aaaa"}, False),
        ({"progressDetail": {"current": "many"}}, True),
    ]
    for message, new in messages:
        assert progress.is_new(message) is new, message


def test_bytes_are_told_with_each_layer_and_in_great_steps() -> None:
    progress, told = Progress(), []
    mega = 1_000_000
    for message in (
        {"status": "Already exists", "id": "zzzz"},
        loading("aaaa", mega, 200 * mega),
        loading("aaaa", 70 * mega, 200 * mega),
        loading("aaaa", 71 * mega, 200 * mega),
        {"status": "Pull complete", "id": "aaaa"},
    ):
        assert progress.is_new(message)
        told.append(progress.report(message))
    assert told == [
        "zzzz: Already exists",
        "",
        "70.0 of 200.0 MB",
        "",
        "aaaa: Pull complete (200.0 of 200.0 MB)",
    ]


@pytest.fixture
def docker(fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return Docker(lambda text: text.replace("hunter2", "***"))


def pulled(docker: Docker, stalled_after: float = 20) -> list[str]:
    said: list[str] = []
    image_pull.pull(docker, REF, stalled_after=stalled_after, say=said.append)
    return said


def test_a_pull(fake: FakeEngine, docker: Docker, tmp_path: Path) -> None:
    auth = base64.b64encode(b"me:word").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"127.0.0.1:5000": {"auth": auth}}}))
    lines = (
        json.dumps(row).encode()
        for row in (loading("a", 1), {"status": "Pull complete", "id": "a"})
    )
    fake.answers["/images/create"] = sends(chunked(b"\r\n".join(lines)))
    assert pulled(docker) == ["a: Pull complete (0.0 of 0.0 MB)"]
    _, method, _, query = fake.asked[-1]
    image = {"fromImage": ["127.0.0.1:5000/a"], "tag": ["sha256:" + "0" * 64]}
    assert (method, query) == ("POST", image)
    assert json.loads(base64.urlsafe_b64decode(fake.headers["X-Registry-Auth"])) == {
        "username": "me",
        "password": "word",
        "serveraddress": "127.0.0.1:5000",
    }


@pytest.mark.parametrize(
    ("behaviour", "says_"),
    [
        (sends(chunked(b'{"error": "denied: hunter2"}\r\n')), "denied: ***"),
        (says({"message": "manifest unknown"}, 404), "manifest unknown"),
        (sends(chunked(b'{"status": "x"}\n', whole=False)), "IncompleteRead"),
        (sends(b"", then_hangs=True), "nothing came for 0.3 s"),
        (
            sends(chunked(b'{"status": "x"}\n', whole=False), then_hangs=True),
            "nothing came for 0.3 s",
        ),
    ],
)
def test_a_pull_that_fails(fake: FakeEngine, docker: Docker, behaviour: object, says_: str) -> None:
    fake.answers["/images/create"] = behaviour  # type: ignore[assignment]
    with pytest.raises(EngineCallFailed, match="could not pull") as caught:
        pulled(docker, 0.3)
    assert says_ in caught.value.message()
    assert "hunter2" not in caught.value.message()


def test_nothing_is_pulled_by_a_tag(docker: Docker) -> None:
    with pytest.raises(InputError, match="names no digest"):
        image_pull.pull(docker, "a:1", stalled_after=1, say=print)


def test_the_account_of_docker_hub() -> None:
    told = json.loads(base64.urlsafe_b64decode(registry_auth(HUB, Credential(identity_token="x"))))
    assert told == {"identitytoken": "x", "serveraddress": "https://index.docker.io/v1/"}
    assert registry_auth(HUB, None) == ""
