"""What stands beside compose files: content of the release, data of the machine, or neither."""

from __future__ import annotations

import pytest

from morphops.core.bundle.derive.beside import Beside, Place, mounts, sorted_out
from morphops.core.bundle.derive.compose_files import together
from morphops.core.yaml_text import YamlText

FILE, FOLDER = Place("file"), Place("folder")
IN_GIT, NOT_IN_GIT = Place("folder", True), Place("folder", False)


def beside(text: str, places: dict[str, Place], **env: dict[str, str]) -> Beside:
    model = together(["c.yaml"], {"c.yaml": YamlText("c.yaml", text)})
    files = {name.replace("_", "."): values for name, values in env.items()}
    return sorted_out(mounts(model, {"DATA": "./here"}), places, files)


def lists(found: Beside) -> dict[str, list[str]]:
    named = {
        "carries": found.carries,
        "data": found.data,
        "leaves": found.leaves,
        "values": found.values,
    }
    return {name: list(paths) for name, paths in named.items() if paths}


@pytest.mark.parametrize(
    ("volume", "place", "wanted"),
    [
        ("./nginx.conf:/etc/nginx.conf:ro", FILE, "carries"),
        ("./nginx.conf:/etc/nginx.conf", FILE, "carries"),
        ("./conf:/etc/conf:ro", FOLDER, "carries"),
        ("./init:/docker-entrypoint-initdb.d", IN_GIT, "carries"),
        ("./conf.ini:/conf.ini", Place("file", False), "data"),
        ("./data:/data", FOLDER, "data"),
        ("./data:/data", NOT_IN_GIT, "data"),
        ("./data:/data", Place(""), "data"),
        ("./gone:/gone:ro", Place(""), "data"),
        ("./acme.json:/acme.json", FILE, "data"),
        ("./shop.db:/shop.db", FILE, "data"),
        ("../up:/up:ro", FOLDER, "data"),
        (".:/app", IN_GIT, "leaves"),
    ],
)
def test_a_bind(volume: str, place: Place, wanted: str) -> None:
    text = f"services: {{web: {{image: a, volumes: ['{volume}']}}}}"
    path = volume.partition(":")[0].removeprefix("./")
    assert lists(beside(text, {path: place})) == {wanted: [path]}


@pytest.mark.parametrize(
    ("volume", "place", "wanted"),
    [
        ("./api:/app", FOLDER, "leaves"),
        ("./api/src:/app/src", IN_GIT, "leaves"),
        ("./api/data:/app/data", NOT_IN_GIT, "data"),
        ("./api/conf:/conf:ro", IN_GIT, "carries"),
        ("./apis:/apis", NOT_IN_GIT, "data"),
    ],
)
def test_a_source_folder_is_left_out(volume: str, place: Place, wanted: str) -> None:
    text = f"services: {{web: {{build: api, volumes: ['{volume}']}}}}"
    path = volume.partition(":")[0].removeprefix("./")
    assert lists(beside(text, {path: place})) == {wanted: [path]}


def test_what_one_service_writes_is_data_for_all() -> None:
    text = (
        "services: {web: {image: a, volumes: ['./x:/x:ro']}, job: {image: a, volumes: ['./x:/x']}}"
    )
    found = beside(text, {"x": FOLDER})
    assert (found.carries, found.data) == ({}, {"x": "job writes to it"})


def test_what_lies_elsewhere_is_in_no_list() -> None:
    text = (
        "services: {web: {image: a, volumes: ['/a:/a', '~/b:/b', 'c:/c', '$D:/d', /e, "
        "{type: tmpfs, target: /f}]}}"
    )
    assert lists(beside(text, {})) == {}


def test_a_variable_with_a_folder_beside() -> None:
    text = "services: {web: {image: a, volumes: ['${DATA:-./x}:/a', '${MORE:-./more}:/b']}}"
    assert lists(beside(text, {"here": FOLDER, "more": FOLDER})) == {"data": ["here", "more"]}


def test_configs_are_carried_and_secrets_are_not() -> None:
    text = (
        "services: {web: {image: a}}\n"
        "configs: {a: {file: a.conf}, b: {content: x}}\n"
        "secrets: {c: {file: ./c.txt}, d: {environment: D}}"
    )
    assert lists(beside(text, {"a.conf": FILE, "c.txt": FILE})) == {
        "carries": ["a.conf"],
        "data": ["c.txt"],
    }


@pytest.mark.parametrize(
    ("values", "place", "wanted"),
    [
        ({"LOG_LEVEL": "debug"}, FILE, "carries"),
        ({"LOG_LEVEL": "debug"}, Place("file", True), "carries"),
        ({"LOG_LEVEL": "debug"}, Place("file", False), "values"),
        ({"DB_PASSWORD": ""}, FILE, "values"),
        ({"URL": "http://u:p1@x/"}, FILE, "values"),
        ({}, Place(""), "values"),
    ],
)
def test_an_env_file(values: dict[str, str], place: Place, wanted: str) -> None:
    text = "services: {web: {image: a, env_file: app.env}}"
    assert lists(beside(text, {"app.env": place}, app_env=values)) == {wanted: ["app.env"]}


def test_dotenv_is_of_the_machine() -> None:
    text = "services: {web: {image: a, env_file: .env}}"
    assert lists(beside(text, {".env": FILE}, _env={"A": "1"})) == {"values": [".env"]}


def test_files_that_compose_reads_are_carried() -> None:
    texts = {
        "c.yaml": YamlText("c.yaml", "include: [sub/x.yaml]"),
        "sub/x.yaml": YamlText("sub/x.yaml", "services: {a: {image: a}}"),
    }
    found = sorted_out(mounts(together(["c.yaml"], texts), {}), {}, {})
    assert found.carries == {"sub/x.yaml": "compose reads it"}
