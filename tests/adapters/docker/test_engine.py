"""The Engine API: what is made of answers, and of an engine that gives none or bad ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker.connection import Connection, over_unix
from morphops.adapters.docker.endpoint import Endpoint
from morphops.adapters.docker.engine import Engine, negotiate
from morphops.adapters.docker.engine_http import BadAnswer, Request, ask
from morphops.errors import EngineCallFailed, EngineUnavailable
from tests.adapters.docker.fake_engine import Behaviour, FakeEngine, chunked, drips, says, sends

SECRET = "hunter2hunter2"


def engine_at(path: Path, api_version: str = "") -> Engine:
    def redact(text: str) -> str:
        return text.replace(SECRET, "***")

    return Engine(Endpoint(f"unix://{path}"), over_unix(str(path)), redact, api_version)


@pytest.fixture
def engine(fake: FakeEngine) -> Engine:
    return engine_at(fake.path)


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [
        ("1.41", "1.12", "1.41"),  # Engine 20.10
        ("1.45", "1.24", "1.45"),  # 26.1
        ("1.52", "1.44", "1.47"),  # 29
        ("1.60", "1.50", "1.50"),  # one that has left ours behind
        ("1.45", "", "1.45"),
    ],
)
def test_the_version_that_is_spoken(newest: str, oldest: str, spoken: str) -> None:
    assert negotiate(newest, oldest) == spoken


def test_an_engine_that_names_no_version(fake: FakeEngine, engine: Engine) -> None:
    fake.answers["/version"] = says({"ApiVersion": "next"})
    with pytest.raises(EngineCallFailed) as caught:
        engine.info()
    assert "API version is 'next'" in caught.value.message()


def test_the_version_is_asked_for_once(fake: FakeEngine, engine: Engine) -> None:
    fake.answers["/info"] = says({"Driver": "overlay2"})
    assert engine.info()["Driver"] == engine.info()["Driver"] == "overlay2"
    assert fake.paths("/") == ["/version", "/v1.46/info", "/v1.46/info"]


def test_a_version_that_the_environment_names_is_not_asked_for(fake: FakeEngine) -> None:
    fake.answers["/info"] = says({})
    engine_at(fake.path, "1.41").info()
    assert fake.paths("/") == ["/v1.41/info"]


def test_what_is_gone_is_left_out_and_one_connection_asks_for_all(
    fake: FakeEngine, engine: Engine
) -> None:
    for id_ in ("a", "c"):
        fake.answers[f"/containers/{id_}/json"] = says({"Id": id_})
    assert [row["Id"] for row in engine.inspect(["a", "b", "c"])] == ["a", "c"]
    assert len({number for number, _, path, _ in fake.asked if path != "/version"}) == 1
    assert engine.inspect([]) == []


def test_an_engine_that_closes_each_connection_is_asked_over_new_ones(
    fake: FakeEngine, engine: Engine
) -> None:
    for id_ in ("a", "b", "c"):
        fake.answers[f"/images/{id_}/json"] = says({"Id": id_}, more="Connection: close\r\n")
    assert [row["Id"] for row in engine.inspect_images(["a", "b", "c"])] == ["a", "b", "c"]
    assert len({number for number, _, path, _ in fake.asked if path != "/version"}) == 3


def test_names_are_quoted(fake: FakeEngine, engine: Engine) -> None:
    engine.inspect_images(["127.0.0.1:5000/a@sha256:0", "a?force=1#x y"])
    assert fake.paths("/v1.46/images") == [
        "/v1.46/images/127.0.0.1:5000/a@sha256:0/json",
        "/v1.46/images/a%3Fforce%3D1%23x%20y/json",
    ]


@pytest.mark.parametrize(
    ("behaviour", "says_"),
    [
        (says({"message": f"no space for {SECRET}"}, 500), "no space for ***"),
        (says({"message": "conflict"}, 409), "conflict"),
        (says(b"<html>who are you</html>", 403), "who are you"),
        (says(b"{}", 301), "could not"),
        (says(b"no JSON"), "not JSON"),
        (says(b"[" * 100_000), "not JSON"),
        (says([1, 2]), "not a JSON object"),
        (says({}), "not a JSON list"),
        (sends(b""), "RemoteDisconnected"),
        (sends(b"SSH-2.0-OpenSSH\r\n"), "BadStatusLine"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[]"), "cut short"),
        (sends(chunked(b"[", whole=False)), "IncompleteRead"),
        (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", then_hangs=True), "within 0.3 s"),
        (sends(b"", then_hangs=True), "within 0.3 s"),
        (drips, "within 0.3 s"),
    ],
)
def test_an_answer_that_is_none(
    fake: FakeEngine, engine: Engine, behaviour: Behaviour, says_: str
) -> None:
    fake.answers["/info"] = says({})
    engine.info()  # so that the version is known, and its time is not counted below
    fake.answers["/containers/json"] = behaviour
    with pytest.raises(EngineCallFailed) as caught:
        engine.containers(0.3)
    text = caught.value.message()
    assert text.startswith("could not list the containers")
    assert says_ in text
    assert SECRET not in text


def test_an_answer_without_end_is_not_read_to_it(fake: FakeEngine) -> None:
    fake.answers["/huge"] = says(b"x" * 100_000)
    with pytest.raises(BadAnswer, match="longer than 1000 bytes"):
        ask(over_unix(str(fake.path)), Request("GET", "/huge"), 20, most=1000)


@pytest.mark.parametrize(
    "call", [Engine.info, Engine.images, lambda engine: engine.tag("a", "b:c")]
)
def test_no_engine(tmp_path: Path, call: Callable[[Engine], Any]) -> None:
    with pytest.raises(EngineUnavailable, match="no Docker engine answers at unix://") as caught:
        call(engine_at(tmp_path / "none"))
    assert "inv host.check" in caught.value.hint
    assert engine_at(tmp_path / "none").answers() is False


def test_an_engine_that_went_away_in_the_middle(fake: FakeEngine, engine: Engine) -> None:
    fake.answers["/info"] = sends(b"")
    fake.answers["/_ping"] = sends(b"")
    with pytest.raises(EngineUnavailable, match="no Docker engine answers"):
        engine.info()


def test_a_socket_that_may_not_be_used_is_said_to_be() -> None:
    def dial(limit: float) -> Connection:
        raise PermissionError(13, "Permission denied")

    engine = Engine(Endpoint("unix:///run/docker.sock"), dial, str)
    with pytest.raises(EngineUnavailable, match=r"uid \d+ may not use /run/docker\.sock") as caught:
        engine.info()
    assert "usermod -aG docker" in caught.value.hint


def test_lists_and_changes_are_asked_as_the_api_has_them(fake: FakeEngine, engine: Engine) -> None:
    fake.answers |= {
        "/containers/json": says([{"Id": "a"}]),
        "/volumes": says({"Volumes": None}),
        "/volumes/create": says({"Name": "v"}, 201),
        "/images/127.0.0.1:5000/a@sha256:0/tag": says(b"", 201),
        "/volumes/v": says(b"", 204),
        "/containers/a": sends(b"HTTP/1.1 204 No Content\r\n\r\n"),
    }
    assert engine.containers(all_=False, publish=["80"]) == [{"Id": "a"}]
    assert engine.volumes(label=["a=b"]) == []
    engine.create_volume("v", {"a": "b"})
    engine.remove_volumes(["v", "gone"])
    engine.remove_volumes([])
    engine.tag("127.0.0.1:5000/a@sha256:0", "morphops/a/b:0123")
    engine.remove_container("a", force=True)
    told = [(method, path.removeprefix("/v1.46"), query) for _, method, path, query in fake.asked]
    assert told[1:] == [
        ("GET", "/containers/json", {"all": ["0"], "filters": ['{"publish": ["80"]}']}),
        ("GET", "/volumes", {"filters": ['{"label": ["a=b"]}']}),
        ("POST", "/volumes/create", {}),
        ("DELETE", "/volumes/v", {"force": ["1"]}),
        ("DELETE", "/volumes/gone", {"force": ["1"]}),
        (
            "POST",
            "/images/127.0.0.1:5000/a@sha256:0/tag",
            {"repo": ["morphops/a/b"], "tag": ["0123"]},
        ),
        ("DELETE", "/containers/a", {"force": ["1"]}),
    ]


def test_a_list_of_nothing_may_be_null(fake: FakeEngine, engine: Engine) -> None:
    fake.answers["/images/a/history"] = fake.answers["/images/json"] = says(None)
    assert engine.layers("a") == ()
    assert engine.images() == []


def test_a_stream_is_read_however_it_is_cut_into_pieces(fake: FakeEngine, engine: Engine) -> None:
    whole = b'{"Action": "start"}\n\r\n{"Action": "die"}\r\n{"Action": "stop"}'
    for size in (1, 7, 1000):
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        fake.answers["/events"] = sends(chunked(*pieces))
        with engine.events(1.5, type=["container"]) as stream:
            found = [stream.next(20), stream.next(20), stream.next(20)]
            assert [row and row["Action"] for row in found] == ["start", "die", "stop"]
            assert stream.next(20) is None


def read_events(engine: Engine, count: int) -> list[object]:
    with engine.events(0) as stream:
        return [stream.next(20) for _ in range(count)]


@pytest.mark.parametrize(
    ("behaviour", "says_"),
    [
        (sends(chunked(b'{"Action": "start"}\n', whole=False)), "IncompleteRead"),
        (sends(chunked(b'{"Action": "start"}\n[1]\n')), "not a JSON object"),
        (says({"message": "no"}, 500), "no"),
    ],
)
def test_a_stream_that_breaks(
    fake: FakeEngine, engine: Engine, behaviour: Behaviour, says_: str
) -> None:
    fake.answers["/events"] = behaviour
    with pytest.raises(EngineCallFailed, match="could not listen to events") as caught:
        read_events(engine, 2)
    assert says_ in caught.value.message()


def test_what_goes_wrong_beside_a_stream_stays_what_it_is(fake: FakeEngine, engine: Engine) -> None:
    fake.answers["/events"] = sends(chunked(b""), then_hangs=True)
    with pytest.raises(ValueError, match="ours"), engine.events(0):
        raise ValueError("ours")
