"""The files that services are given: from where they are hashed, and what lies inside."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker.connection import over_unix
from morphops.adapters.docker.contents import LARGEST, Contents, digest_of_file
from morphops.adapters.docker.endpoint import Endpoint
from morphops.adapters.docker.engine import Engine
from morphops.core.seal import Seal
from morphops.core.stack import Content
from morphops.errors import EngineCallFailed
from tests.adapters.docker.fake_engine import FakeEngine, says

SEAL = Seal(b"k" * 32)


def given(
    spec: Mapping[str, Any], model: Mapping[str, Any], *, here: bool = True, **environment: str
) -> tuple[Content, ...]:
    return Contents(model, environment, SEAL, here=here).of(spec)


@pytest.mark.parametrize(
    ("source", "data", "inside"),
    [
        ({"content": "a $$5 b"}, b"a $5 b", "/x"),
        ({"content": ""}, b"", "/x"),
        ({"environment": "APP"}, b"from env", "/x"),
        ({"environment": "APP", "content": "rendered"}, b"from env", "/x"),
    ],
)
def test_a_config_that_is_copied(source: dict[str, str], data: bytes, inside: str) -> None:
    (found,) = given({"configs": [{"source": "x"}]}, {"configs": {"x": source}}, APP="from env")
    assert (found.digest, found.inside) == (SEAL.digest(data), inside)


@pytest.mark.parametrize(
    ("target", "inside"),
    [
        (None, "/run/secrets/x"),
        ("renamed", "/run/secrets/renamed"),
        ("/etc/x", "/etc/x"),
        ("a/../b", "/run/secrets/b"),
    ],
)
def test_where_a_secret_lies(target: str | None, inside: str) -> None:
    one = {"source": "x", **({"target": target} if target else {})}
    (found,) = given({"secrets": [one]}, {"secrets": {"x": {"environment": "T"}}}, T="s")
    assert found.inside == inside


def test_a_variable_that_is_not_set_gives_nothing() -> None:
    (found,) = given({"secrets": [{"source": "x"}]}, {"secrets": {"x": {"environment": "T"}}})
    assert (found.digest, found.source) == ("", "the variable T")


def test_files_of_the_machine(tmp_path: Path) -> None:
    file, gone = tmp_path / "file", tmp_path / "gone"
    file.write_bytes(b"content")
    mounts = [
        {"type": "bind", "source": str(path), "target": "/t"} for path in (file, gone, tmp_path)
    ]
    spec = {"volumes": [*mounts, {"type": "volume", "source": "v", "target": "/v"}]}
    found = {content.name: content.digest for content in given(spec, {})}
    assert found == {str(file): SEAL.digest(b"content"), str(gone): ""}
    # Those of another machine cannot be looked at.
    assert given(spec, {}, here=False) == ()


def test_a_large_file_is_told_by_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    before = digest_of_file(str(file), SEAL)
    assert digest_of_file(str(file), SEAL) == before
    os.utime(file, ns=(1, 1))
    assert digest_of_file(str(file), SEAL) != before


def test_two_keys_make_two_digests() -> None:
    one, other = Seal(b"1" * 32), Seal(b"2" * 32)
    assert one.digest(b"x") != other.digest(b"x")
    assert one.name != other.name
    assert "1111" not in repr(one)


def tar(*members: tuple[str, bytes | None]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(data or b"")
            entry.type = tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
            archive.addfile(entry, io.BytesIO(data or b""))
    return packed.getvalue()


@pytest.fixture
def engine(fake: FakeEngine) -> Engine:
    return Engine(Endpoint(f"unix://{fake.path}"), over_unix(str(fake.path)), str, "1.46")


PATH = "/containers/c1/archive"


@pytest.mark.parametrize(
    ("archive", "content"),
    [(tar(("app.conf", b"x")), b"x"), (tar(("app.conf", None)), None), (tar(), None)],
)
def test_a_file_inside(
    fake: FakeEngine, engine: Engine, archive: bytes, content: bytes | None
) -> None:
    fake.answers[PATH] = says(archive)
    assert engine.read_file("c1", "/etc/app.conf") == content


def test_a_file_that_is_not_inside(fake: FakeEngine, engine: Engine) -> None:
    fake.answers[PATH] = says({"message": "no such file"}, 404)
    assert engine.read_file("c1", "/etc/app.conf") is None


def test_an_archive_that_is_none(fake: FakeEngine, engine: Engine) -> None:
    fake.answers[PATH] = says(b"nonsense" * 100)
    with pytest.raises(EngineCallFailed):
        engine.read_file("c1", "/etc/app.conf")
