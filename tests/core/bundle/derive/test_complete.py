"""A short bundle is completed, and what a person wrote stays."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.bundle import parse
from morphops.core.bundle.derive.complete import (
    Completed,
    Surroundings,
    complete,
    compose_files,
    is_short,
)
from morphops.core.env.parse import parse_env_schema
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

THREE_LINES = "schema: 1\nproject: shop\ncompose: compose.yaml\n"
COMPOSE = """
name: shop-of-compose
services:
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: "${DB_PASSWORD:?no}"}
  migrate: {image: "${APP_IMAGE:?no}", depends_on: [db]}
  web:
    image: ${APP_IMAGE:?no}
    depends_on: {migrate: {condition: service_completed_successfully}}
    volumes: ["./nginx.conf:/nginx.conf:ro", "./data:/data"]
    profiles: [all]
"""


def completed(text: str = THREE_LINES, compose: str = COMPOSE, **more: Any) -> Completed:
    document = YamlText("/x/bundle.yaml", text)
    files = {"compose.yaml": YamlText("compose.yaml", compose)}
    return complete(document.load(), Surroundings(texts=files, **more), document)


def test_three_lines_are_a_whole_bundle() -> None:
    found = completed(has_runbooks=False, runbooks="runbooks")
    assert found.raw == {
        "schema": 1,
        "project": "shop",
        "registry": "127.0.0.1:5000",
        "releases": "shop/releases",
        "images": {
            "db": {"source": "postgres:16", "services": ["db"]},
            "app": {"repository": "shop/app", "variable": "APP_IMAGE"},
        },
        "compose": {"files": ["compose.yaml"], "data": ["nginx.conf", "data"]},
        "env": {"file": "{state}/shop.env", "schema": "env/schema.yaml"},
        "jobs": {"migrate": {"run": "once"}},
        "waves": [
            {"services": ["db"], "deadline": 120},
            {"services": ["migrate"], "deadline": 120},
            {"services": ["web"], "deadline": 120},
        ],
        "settle": 15,
        "pull": {"stalled_after": 120},
        "retention": {"keep": 3},
        "runbooks": "runbooks",
        "accept": [{"rule": "runbooks", "subject": "runbooks", "reason": "none are written yet"}],
    }
    assert found.schema is not None
    assert list(found.schema["variables"]) == ["DB_PASSWORD", "COMPOSE_PROFILES"]


def test_each_part_says_where_it_comes_from() -> None:
    origins = completed(has_runbooks=False).origins
    assert origins["project"] == "bundle.yaml:2"
    assert origins["registry"] == "default"
    assert origins["images/db"] == "compose.yaml:4: postgres:16"
    assert origins["images/app"] == "compose.yaml:7: ${APP_IMAGE}"
    assert origins["jobs/migrate"] == "compose.yaml:7: others wait for its end"
    assert origins["waves"] == "compose.yaml: depends_on"
    assert origins["compose/data/data"] == "web names it, and nothing is there yet"
    assert origins["env/variables/DB_PASSWORD"] == "compose.yaml:6"
    assert origins["accept/0"] == "there are no runbooks yet"


KEYS: dict[str, Any] = {
    "registry": "registry.example.org",
    "releases": "other/releases",
    "images": {"x": {"repository": "other/x", "variable": "X_IMAGE"}},
    "compose": {"files": ["compose.yaml"], "data": ["elsewhere"], "carries": ["data"]},
    "env": {"file": "shop.env", "schema": "env.yaml"},
    "jobs": {"db": {"run": "always"}},
    "waves": [{"services": ["web", "db", "migrate"], "deadline": 7}],
    "settle": 1,
    "pull": {"stalled_after": 5},
    "retention": {"keep": 9},
    "runbooks": "books",
    "accept": [{"rule": "runbooks", "subject": "runbooks", "reason": "mine"}],
    "platform": "linux/arm64",
    "keeps": [{"service": "web", "because": "it is its own"}],
}


@given(st.sets(st.sampled_from(sorted(KEYS))))
def test_what_a_person_wrote_stays_and_what_is_complete_is_left_alone(written: set[str]) -> None:
    own = {"schema": 1, "project": "shop", "compose": "compose.yaml"} | {
        key: KEYS[key] for key in sorted(written)
    }
    found = completed(yaml.safe_dump(own, sort_keys=False))
    for key in written - {"compose", "jobs"}:
        assert found.raw[key] == KEYS[key]
    for key in found.raw:
        assert key in found.origins or any(path.startswith(f"{key}/") for path in found.origins)
    assert not is_short(found.raw)
    again = completed(parse.written(found.raw))
    assert (again.raw, again.schema) == (found.raw, None)


def test_a_complete_bundle_reads_back_from_its_text() -> None:
    found = completed()
    document = YamlText("/x/bundle.yaml", THREE_LINES)
    bundle = parse.read_bundle(found.raw, document)
    assert parse.parse_bundle(parse.written(found.raw), "b") == bundle
    assert found.schema is not None
    assert parse_env_schema(parse.written(found.schema), "s").variables["DB_PASSWORD"].secret


def test_one_key_overrides_a_part_of_a_section() -> None:
    text = (
        "schema: 1\nproject: shop\ncompose: {files: [compose.yaml], carries: [data]}\n"
        "env: {recipients: [x], variables: {DB_PASSWORD: {about: The password.}, MORE: {}}}\n"
        "jobs: {migrate: {deadline: 5}}\n"
    )
    found = completed(text)
    assert found.raw["compose"] == {
        "files": ["compose.yaml"],
        "carries": ["data"],
        "data": ["nginx.conf"],
    }
    assert found.raw["env"]["recipients"] == ["x"]
    assert found.raw["jobs"] == {"migrate": {"deadline": 5}}
    assert found.schema is not None
    assert found.schema["variables"]["DB_PASSWORD"]["about"] == "The password."
    assert "MORE" in found.schema["variables"]
    assert found.origins["env/variables/DB_PASSWORD"] == "bundle.yaml:4"


def test_probes_go_where_they_belong() -> None:
    text = THREE_LINES + (
        "probes: {front: {kind: http, service: web, port: 80}, "
        "files: {kind: same, documents: [a, b], fields: {x: x}}, odd: {kind: none}, odder: 1}\n"
    )
    raw = completed(text).raw
    assert raw["checks"] == ["files"]
    assert [wave.get("probes") for wave in raw["waves"]] == [None, None, ["front"]]


def test_a_service_that_undoes_a_job_is_in_no_wave() -> None:
    compose = COMPOSE + "  down: {image: postgres:16}\n"
    raw = completed(THREE_LINES + "jobs: {migrate: {undo: down}}\n", compose).raw
    assert [wave["services"] for wave in raw["waves"]] == [["db"], ["migrate"], ["web"]]


def test_an_env_schema_that_is_there_is_used() -> None:
    found = completed(schema=True)
    assert (found.schema, found.raw["env"]["schema"]) == (None, "env/schema.yaml")
    assert found.origins["env/schema"] == "the file is there"


def test_the_project_may_come_from_the_compose_file() -> None:
    assert completed("schema: 1\ncompose: compose.yaml\n").raw["project"] == "shop-of-compose"
    with pytest.raises(ConfigError, match=r"bundle\.yaml:1: project: is missing"):
        completed("schema: 1\ncompose: compose.yaml\n", "services: {a: {image: a}}")


def test_a_bundle_says_its_schema_and_its_compose_file_has_a_service() -> None:
    found = completed(THREE_LINES.removeprefix("schema: 1\n"))
    assert "schema" not in found.raw  # so that the bundle is refused, as a complete one is
    with pytest.raises(ConfigError, match=r"compose\.yaml: there is no service in it"):
        completed(compose="volumes: {a: }")


@pytest.mark.parametrize(
    ("compose", "files"),
    [
        ("compose.yaml", ("compose.yaml",)),
        (["a.yaml", "b.yaml"], ("a.yaml", "b.yaml")),
        ({"files": ["a.yaml"], "profiles": {"x": ["b.yaml", "a.yaml"]}}, ("a.yaml", "b.yaml")),
    ],
)
def test_compose_has_three_forms(compose: object, files: tuple[str, ...]) -> None:
    assert compose_files({"compose": compose}) == files


@pytest.mark.parametrize("compose", [None, [], {}, {"files": []}, 1, [1]])
def test_a_bundle_names_a_compose_file(compose: object) -> None:
    with pytest.raises(ConfigError, match="compose: must name a compose file"):
        compose_files({"compose": compose})
