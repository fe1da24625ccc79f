"""Files that compose files name and a release does not carry."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morphops.core.bundle.parse import parse_bundle
from morphops.core.checks import working_tree
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from tests.samples.releases import BUNDLE as OF_SHOP

SERVICE = "services:\n  app:\n    image: x\n    "


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{SERVICE}env_file: .env\n", "c.yaml:4: services/app/env_file"),
        (f"{SERVICE}env_file: [/etc/app.env]\n", "c.yaml:4: services/app/env_file/0"),
        (
            f"{SERVICE}env_file: [{{path: ./a.env, required: false}}]\n",
            "c.yaml:4: services/app/env_file/0/path",
        ),
        (f"{SERVICE}label_file: ./labels\n", "c.yaml:4: services/app/label_file"),
        (
            f"{SERVICE}extends: {{file: /etc/shadow, service: x}}\n",
            "c.yaml:4: services/app/extends/file",
        ),
        (f"include: [other.yaml]\n{SERVICE}init: true\n", "c.yaml:1: include/0"),
        (
            "x-h: &h {env_file: .env}\nservices: {app: {<<: *h, image: x}}\n",
            "c.yaml:1: services/app/env_file",
        ),
        (f"{SERVICE}extends: {{service: base}}\n", ""),
        (f"{SERVICE}extends: base\n", ""),
        (f"{SERVICE}environment: {{env_file: x}}\n", ""),
    ],
)
def test_what_compose_reads_beside_the_files(text: str, found: str) -> None:
    assert working_tree.may_include(text)
    lines = working_tree.included_lines([YamlText("c.yaml", text)], OF_SHOP, lambda _: None)
    assert lines == ((found,) if found else ())


CARRIES = replace(
    OF_SHOP,
    compose=replace(
        OF_SHOP.compose,
        files=("deploy/compose.yaml",),
        carries=("deploy/conf", "deploy/a.env"),
        data=("deploy/data",),
        values={"deploy/.env": ("A",)},
    ),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{SERVICE}env_file: a.env\n", ()),
        (f"{SERVICE}env_file: [a.env, {{path: conf/b.env}}, .env]\n", ()),
        (f"{SERVICE}env_file: [a.env, c.env]\n", ("services/app/env_file/1",)),
        (f"{SERVICE}env_file: data/x.env\n", ("services/app/env_file",)),
        (f"{SERVICE}label_file: .env\n", ("services/app/label_file",)),
        (f"{SERVICE}extends: {{file: conf/base.yaml, service: x}}\n", ()),
        (f"{SERVICE}extends: {{file: compose.yaml, service: x}}\n", ()),
        (f"include: [conf/a.yaml]\n{SERVICE}init: true\n", ()),
        (
            f"include: [{{path: [conf/a.yaml, b.yaml], env_file: .env}}]\n{SERVICE}init: true\n",
            ("include/0/path/1", "include/0/env_file"),
        ),
    ],
)
def test_what_is_carried_is_there(text: str, found: tuple[str, ...]) -> None:
    source = YamlText("c.yaml", text)
    told = {"/".join(path) for path in working_tree.included(source, CARRIES)}
    assert told == set(found)


FRAGMENTS = {
    "deploy/conf/base.yaml": "services:\n  x:\n    env_file: [own.env, ../a.env, ../b.env]\n",
    "deploy/conf/more.yaml": "include: [deep/last.yaml]\nservices: {x: {label_file: /etc/x}}\n",
    "deploy/conf/deep/last.yaml": "include: [../base.yaml]\nservices: {y: {env_file: $X}}\n",
    "deploy/conf/unused.yaml": "services: {x: {env_file: /etc/shadow}}\n",
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            f"{SERVICE}extends: {{file: ./conf/base.yaml, service: x}}\n",
            {"deploy/conf/base.yaml:3: services/x/env_file/2"},
        ),
        (
            f"include: [conf/more.yaml]\n{SERVICE}init: true\n",
            {
                "deploy/conf/base.yaml:3: services/x/env_file/2",
                "deploy/conf/more.yaml:2: services/x/label_file",
                "deploy/conf/deep/last.yaml:2: services/y/env_file",
            },
        ),
    ],
)
def test_what_is_included_is_read_as_well(text: str, found: set[str]) -> None:
    told = working_tree.included_lines([YamlText("c.yaml", text)], CARRIES, FRAGMENTS.get)
    assert set(told) == found


def test_a_secret_is_never_carried() -> None:
    text = "secrets: {a: {file: conf/a}, b: {file: ./data/b}, c: {environment: C}, d: {file: /d}}"
    found = working_tree.carried_secrets([YamlText("c.yaml", text)], CARRIES)
    assert [path for _, path in found] == [("secrets", "a", "file")]


def test_relative_paths_are_those_of_the_folder() -> None:
    text = """
services:
  app:
    volumes:
      - ./data:/data
      - {type: bind, source: ../up, target: /up}
      - {type: bind, source: bare, target: /bare}
      - /absolute:/x
      - ~/home:/y
secrets: {pw: {file: ../../pw.txt}}
"""
    found = working_tree.relative([YamlText("c.yaml", text)], "/srv/shop/ops")
    assert {"/srv/shop/ops/data", "/srv/shop/up", "/srv/shop/ops/bare", "/srv/pw.txt"} <= found
    assert not found & {"/absolute", "/root/home"}


BUNDLE = """
schema: 1
project: shop
registry: 127.0.0.1:1
releases: shop/releases
images: {}
compose: {files: [%s], profiles: {dev: [%s]}}
env: {file: x, schema: %s}
waves: []
"""


@pytest.mark.parametrize(
    ("name", "is_fine"),
    [
        ("compose.yaml", True),
        ("./compose.yaml", True),
        ("a/./b//compose.yaml", True),
        ("a/../compose.yaml", True),
        ("../compose.yaml", False),
        ("/srv/compose.yaml", False),
        ("a/../../compose.yaml", False),
        ("''", False),
        (".", False),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_a_compose_file_is_inside_of_the_bundle_or_is_refused(
    name: str, is_fine: bool, place: int
) -> None:
    names = ["compose.yaml", "dev.yaml"]
    names[place] = name
    text = BUNDLE % (*names, "env.yaml")
    if is_fine:
        assert len(parse_bundle(text, "b").files()) == 2 or place == 1
        return
    with pytest.raises(ConfigError, match="no path inside of the bundle's folder"):
        parse_bundle(text, "b")
