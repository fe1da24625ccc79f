"""What lies beside a short bundle: the files that Compose reads, and what git knows of them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from morphops.adapters.store import surroundings
from morphops.core.bundle.derive.beside import Place
from morphops.core.bundle.derive.complete import Surroundings
from morphops.errors import ConfigError

COMPOSE = """
include: [more/compose.yaml]
services:
  app:
    image: app:${TAG:-1}
    env_file: [app.env, gone.env]
    volumes: ["./init:/init", "./data:/data", "./kept:/kept", "./app.sock:/app.sock"]
"""


def put(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def read(folder: Path) -> Surroundings:
    return surroundings.read(folder, ["compose.yaml"], shown="", runbooks="runbooks")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(
        tmp_path,
        {
            "compose.yaml": COMPOSE,
            "more/compose.yaml": "services: {db: {extends: {service: base, file: base.yaml}}}",
            "more/base.yaml": "services: {base: {image: db:1}}",
            ".env": "TAG=2\n",
            "app.env": "A=1\n",
            "gone.env.example": "B=2\n",
            "init/a.sql": "",
            "data/rows": "",
            "kept/.gitkeep": "",
        },
    )
    return tmp_path


def test_every_file_that_compose_reads(folder: Path) -> None:
    found = read(folder)
    assert list(found.texts) == ["compose.yaml", "more/compose.yaml", "more/base.yaml"]
    assert found.values == {"TAG": "2"}
    # Of a file that is not there, its example has the names, and no value of it counts.
    assert found.env_files == {"app.env": {"A": "1"}, "gone.env": {"B": ""}}
    assert (found.schema, found.has_runbooks) == (False, False)


def test_without_git_only_what_is_there_is_known(folder: Path) -> None:
    places = read(folder).places
    assert places["init"] == places["data"] == places["kept"] == Place("folder")
    assert places["app.env"] == Place("file")
    assert places["app.sock"] == places["gone.env"] == Place("")


def test_git_knows_what_belongs_to_the_project(folder: Path) -> None:
    for words in (["init", "-q"], ["add", "init", "kept", "app.env"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    places = read(folder).places
    assert places["init"] == Place("folder", tracked=True)
    assert places["data"] == Place("folder", tracked=False)
    assert places["kept"] == Place("folder", tracked=False)
    assert places["app.env"] == Place("file", tracked=True)


def test_a_file_that_is_missing_is_told_with_who_names_it(folder: Path) -> None:
    (folder / "more/base.yaml").unlink()
    with pytest.raises(ConfigError) as caught:
        read(folder)
    assert caught.value.what == "more/base.yaml: is not there, and more/compose.yaml names it"
