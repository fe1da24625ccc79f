"""Compose files together: merged, extended and included as Compose does."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.bundle.derive.compose_files import ComposeModel, further, together
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError


def model(*named: str, **texts: str) -> ComposeModel:
    """The model of some files; a name is a path with `_` for `/` and without `.yaml`."""
    files = {f"{name.replace('_', '/')}.yaml": text for name, text in texts.items()}
    read = {name: YamlText(name, text) for name, text in files.items()}
    return together([f"{name}.yaml" for name in named], read)


def service(text: str, name: str = "web") -> Any:
    return model("compose", compose=text).services[name]


@pytest.mark.parametrize(
    ("text", "key", "wanted"),
    [
        ("{depends_on: [db]}", "depends_on", {"db": {"condition": "service_started"}}),
        (
            "{depends_on: {db: {condition: service_healthy}}}",
            "depends_on",
            {"db": {"condition": "service_healthy"}},
        ),
        ("{environment: [A=1, B]}", "environment", {"A": "1", "B": None}),
        ("{environment: {A: yes, B: }}", "environment", {"A": "yes", "B": None}),
        ("{ports: [22:22]}", "ports", ["22:22"]),
        ("{env_file: .env}", "env_file", [{"path": "./.env"}]),
        (
            "{env_file: [a.env, {path: b.env, required: false}]}",
            "env_file",
            [{"path": "./a.env"}, {"path": "./b.env", "required": "false"}],
        ),
        ("{build: api}", "build", {"context": "./api"}),
        (
            "{build: {context: https://x.invalid/a.git}}",
            "build",
            {"context": "https://x.invalid/a.git"},
        ),
    ],
)
def test_short_forms_are_written_out(text: str, key: str, wanted: object) -> None:
    assert service(f"services: {{web: {text}}}")[key] == wanted


@pytest.mark.parametrize(
    ("short", "source", "target", "kind", "read_only"),
    [
        ("data:/data", "data", "/data", "volume", "false"),
        ("./a:/b:ro", "./a", "/b", "bind", "true"),
        ("../a:/b", "../a", "/b", "bind", "false"),
        ("/a:/b:ro,z", "/a", "/b", "bind", "true"),
        ("~/a:/b", "~/a", "/b", "bind", "false"),
        ("${A:-./a}:/b:ro", "${A:-./a}", "/b", "bind", "true"),
        (".:/b", ".", "/b", "bind", "false"),
    ],
)
def test_short_volumes(short: str, source: str, target: str, kind: str, read_only: str) -> None:
    (volume,) = service(f"services: {{web: {{volumes: ['{short}']}}}}")["volumes"]
    assert volume == {"type": kind, "source": source, "target": target, "read_only": read_only}


def test_an_anonymous_volume_has_no_source() -> None:
    assert service("services: {web: {volumes: [/data]}}")["volumes"] == [
        {"type": "volume", "target": "/data"}
    ]


def test_a_later_file_adds_and_replaces() -> None:
    found = model(
        "compose",
        "more",
        compose="services: {web: {image: a, command: [x, y], environment: {A: 1, B: 2}, "
        "ports: ['1:1'], volumes: ['./a:/data', './b:/b']}, db: {image: d}}",
        more="services: {web: {image: b, command: [z], environment: [B=3], ports: ['2:2'], "
        "volumes: ['./c:/data'], depends_on: [db]}}",
    )
    assert list(found.services) == ["web", "db"]
    web = found.services["web"]
    assert (web["image"], web["command"]) == ("b", ["z"])
    assert web["environment"] == {"A": "1", "B": "3"}
    assert web["ports"] == ["1:1", "2:2"]
    assert [v["source"] for v in web["volumes"]] == ["./c", "./b"]
    assert found.where == {"web": "compose.yaml:1", "db": "compose.yaml:1"}


def test_tags_of_compose_take_away_and_replace() -> None:
    found = model(
        "compose",
        "more",
        compose="services: {web: {image: a, ports: ['1:1'], environment: {A: 1}}, old: {image: o}}",
        more="services: {web: {ports: !override ['2:2'], environment: !reset null}, "
        "old: !reset {}}",
    )
    assert found.services == {"web": {"image": "a", "ports": ["2:2"]}}


def test_anchors_and_merges() -> None:
    text = """
x-base: &base {image: a, restart: always}
x-env: &env {A: '1'}
services:
  web:
    <<: *base
    image: b
    environment: {<<: *env, B: '2'}
"""
    found = service(text)
    assert found == {"image": "b", "environment": {"B": "2", "A": "1"}, "restart": "always"}


def test_a_service_extends_another_one_of_its_file_and_of_another_file() -> None:
    found = model(
        "compose",
        compose="services: {web: {extends: {service: base, file: sub/base.yaml}, ports: ['1:1']}, "
        "more: {extends: web, image: c}}",
        sub_base="services: {base: {extends: root, volumes: ['./conf:/conf:ro']}, "
        "root: {image: a, environment: {A: 1}}}",
    )
    web, more = found.services["web"], found.services["more"]
    assert (web["image"], web["ports"], web["environment"]) == ("a", ["1:1"], {"A": "1"})
    assert web["volumes"][0]["source"] == "./sub/conf"
    assert (more["image"], more["ports"]) == ("c", ["1:1"])
    assert found.also == ("sub/base.yaml",)


def test_files_are_included_with_paths_of_their_own() -> None:
    found = model(
        "compose",
        compose="include: [sub/a.yaml, {path: [sub/b.yaml], project_directory: .}]\n"
        "services: {web: {image: w, depends_on: [a]}}",
        sub_a="services: {a: {image: a, env_file: a.env}}",
        sub_b="services: {b: {image: b, env_file: b.env}}",
    )
    assert list(found.services) == ["a", "b", "web"]
    assert found.services["a"]["env_file"] == [{"path": "./sub/a.env"}]
    assert found.services["b"]["env_file"] == [{"path": "./b.env"}]
    assert found.also == ("sub/a.yaml", "sub/b.yaml")


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ({"compose": "services: {a: {extends: b}, b: {extends: a}}"}, "in a circle"),
        ({"compose": "include: [x.yaml]", "x": "include: [compose.yaml]"}, "in a circle"),
        ({"compose": "services: {a: {extends: b}}"}, "compose.yaml:1: a extends b, which is not"),
        ({"compose": "services: [a]"}, "compose.yaml:1: services: must be a mapping"),
        ({"compose": "services: {a: b}"}, "compose.yaml:1: services/a: must be a mapping"),
        ({"compose": "[a]"}, "must be a mapping"),
        ({"compose": "include: [gone.yaml]"}, "gone.yaml: is not there"),
    ],
)
def test_refused_by_name(texts: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model("compose", **texts)
    assert why in caught.value.what


def test_further_files_are_named_from_the_bundles_folder() -> None:
    text = YamlText(
        "sub/a.yaml", "include: [b.yaml]\nservices: {a: {extends: {file: ../c.yaml, service: c}}}"
    )
    assert further("sub/a.yaml", text, "sub") == ("sub/b.yaml", "c.yaml")


@pytest.mark.parametrize("path", ["oci://x.invalid/y", "${WHERE}/x.yaml", "git@x.invalid:y.git"])
def test_a_file_that_is_elsewhere_cannot_be_read(path: str) -> None:
    text = YamlText("a.yaml", f"services: {{}}\ninclude: ['{path}']")
    with pytest.raises(
        ConfigError, match=r"a\.yaml:2: include: .* cannot be read from here"
    ) as caught:
        further("a.yaml", text, "")
    assert "copy the file beside the compose file" in caught.value.hint


def test_an_alias_inside_of_its_own_anchor_is_refused() -> None:
    with pytest.raises(ConfigError, match="inside of its own anchor"):
        service("services: &s {web: {image: a, x: *s}}")
