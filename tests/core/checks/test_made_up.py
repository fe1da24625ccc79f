"""`bundle.check` does not trip over its own made-up values, nor overlook a use of a variable."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.bundle.parse import parse_bundle
from morphops.core.checks import compose_rules, interpolation, sample_values, variable_rules
from morphops.core.env.parse import parse_env_schema
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from tests.samples.releases import BUNDLE as OF_SHOP

BUNDLE = parse_bundle(
    """
schema: 1
project: shop
registry: 127.0.0.1:1
releases: shop/releases
images: {}
compose: {files: [compose.yaml]}
env: {file: x, schema: env.yaml}
waves: []
""",
    "bundle.yaml",
)


def schema(**variables: Variable) -> EnvSchema:
    return EnvSchema(schema=1, variables=variables)


def made_up(service: str, pattern: str = "", **more: Any) -> str:
    source = YamlText("c", service)
    variables = schema(X=Variable(about="x", required=True, pattern=pattern, **more))
    wanted = sample_values.forms_by_place([source])
    return sample_values.values(BUNDLE, variables, (), wanted).values["X"]


@pytest.mark.parametrize(
    ("service", "value"),
    [
        ('services: {a: {healthcheck: {interval: "${X:?is not set}"}}}', "1s"),
        ('services: {a: {healthcheck: {start_period: "$X"}}}', "1s"),
        ('services: {a: {stop_grace_period: "${X}"}}', "1s"),
        ('services: {a: {read_only: "${X:?no}"}}', "true"),
        ('services: {a: {volumes: ["${X:?no}:/data"]}}', "/1"),
        ('services: {a: {volumes: [{type: bind, source: "${X:?no}", target: /d}]}}', "/1"),
        ('secrets: {a: {file: "${X:?no}"}}', "/1"),
        ('services: {a: {ports: ["${X:?no}:8080:8080"]}}', "127.0.0.1"),
        ('services: {a: {ports: ["${X:?no}:8080"]}}', "1"),
        ('services: {a: {ports: [{host_ip: "${X:?no}", target: 80}]}}', "127.0.0.1"),
        ('services: {a: {extra_hosts: ["db:${X:?no}"]}}', "127.0.0.1"),
        ('services: {a: {networks: {b: {ipv4_address: "${X:?no}"}}}}', "10.0.0.2"),
        ('networks: {edge: {name: "${X:?no}"}}', "made-up"),
        ('services: {a: {environment: {Y: "${X:?no}"}}}', "1"),
    ],
)
def test_the_place_says_the_form(service: str, value: str) -> None:
    assert made_up(service) == value


@pytest.mark.parametrize(
    ("pattern", "more", "value"),
    [
        ("[0-9]+s", {}, "1s"),
        ("/.+", {}, "/1"),
        ("https://.*", {}, "https://1.invalid/"),
        ("true|false", {}, "true"),
        (r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+", {}, "127.0.0.1"),
        ("[0-9a-f]{64}", {}, "ab" * 32),
        ("0x[0-9a-f]{40}", {}, f"0x{'ab' * 20}"),
        (".+@.+", {}, "a@b.invalid"),
        ("[0-9]+:[0-9]+", {}, "10001:10001"),
        ("shop-[a-z]{3}", {"example": "shop-abc"}, "shop-abc"),
        ("shop-[a-z]{3}", {"default": "shop-abc"}, "shop-abc"),
        ("shop-[a-z]{3}", {"placeholder": "shop-xyz"}, "shop-xyz"),
    ],
)
def test_the_pattern_says_the_form(pattern: str, more: dict[str, str], value: str) -> None:
    assert made_up("services: {}", pattern, **more) == value


def test_a_pattern_that_nothing_matches_is_the_finding() -> None:
    text = "schema: 1\nvariables:\n  X: {about: x, required: true, pattern: 'shop-[a-z]{3}'}\n"
    names = sample_values.without_form(parse_env_schema(text, "env.yaml"))
    (finding,) = variable_rules.unformed(names, YamlText("env.yaml", text))
    assert str(finding).startswith("env.yaml:3: X: no made-up value matches its pattern")
    assert sample_values.without_form(schema(X=Variable(about="x", required=True))) == ()
    with pytest.raises(ConfigError, match="example: does not match its own pattern"):
        parse_env_schema(text.replace("}'}", "}', example: x}"), "env.yaml")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("services: {a: {environment: [API_TOKEN]}}", ["API_TOKEN"]),
        ("services:\n  a:\n    environment:\n      API_TOKEN:\n", ["API_TOKEN"]),
        ("services: {a: {environment: {API_TOKEN: ~}}}", ["API_TOKEN"]),
        ("services: {a: {build: {args: [API_TOKEN]}}}", ["API_TOKEN"]),
        ("secrets: {x: {environment: DB_PASSWORD}}", ["DB_PASSWORD"]),
        ("configs: {x: {environment: DB_PASSWORD}}", ["DB_PASSWORD"]),
        ("services: {a: {environment: [A=1, 'B=${C}']}}", ["C"]),
        ("services: {a: {environment: {A: '', B: x}}}", []),
        ("services: {a: {labels: [API_TOKEN]}}", []),
    ],
)
def test_a_key_alone_is_a_use(text: str, names: list[str]) -> None:
    uses = list(interpolation.uses(YamlText("c", text)))
    assert [use.name for use in uses] == names
    variables = schema(**{name: Variable(about="x", required=True) for name in names})
    found = variable_rules.check(uses, BUNDLE, variables, YamlText("e", "schema: 1"))
    assert [str(f) for f in found if names != ["C"]] == []
    # Compose does not refuse without it, and need not.
    assert names == ["C"] or variable_rules.required(uses, BUNDLE, variables) == {}


@pytest.mark.parametrize(
    ("source", "is_left"), [("/repo/data", True), ("/etc/ssl", False), ("/repo/ops/x", True)]
)
def test_a_path_above_the_bundle_is_left_behind_as_one_in_it(source: str, is_left: bool) -> None:
    mount = {"type": "bind", "source": source, "target": "/d", "read_only": True}
    text = "services: {web: {volumes: [{type: bind, source: ../data, target: /d}]}}"
    rendered = {"name": "shop", "services": {"web": {"image": "x", "volumes": [mount]}}}
    found = compose_rules.check(
        compose_rules.Rendered(
            model=rendered,
            sentinels={},
            sources=[YamlText("c", text)],
            folder="/repo/ops",
            bundle=OF_SHOP,
            relative=frozenset({"/repo/data"}),
        )
    )
    assert any("a release does not carry it" in str(f) for f in found) == is_left
