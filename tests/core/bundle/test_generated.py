"""The overrides that a release carries: pinned images, and variables in place of env files."""

from __future__ import annotations

import json
from dataclasses import replace

from morphops.core.bundle import generated
from morphops.core.bundle.schema import Bundle, ImageSpec
from morphops.core.yaml_text import YamlText
from tests.samples.releases import BUNDLE, image

DB, WEB = image("db", "d"), image("web", "e")
TEXTS = {
    "deploy/compose.yaml": """
services:
  db: {image: "postgres:16"}
  api: {image: "${API}", env_file: [.env, {path: app.env}], environment: {TOKEN: own}}
  old: {image: x, env_file: app.env}
""",
    "more.yaml": """
services:
  web: {image: nginx, env_file: .env}
  api: {environment: [LEVEL=1]}
""",
}


def bundle(**values: tuple[str, ...]) -> Bundle:
    return replace(
        BUNDLE,
        images={
            **BUNDLE.images,
            "db": ImageSpec(source="postgres:16", services=("db", "included")),
            "web": ImageSpec(repository="web", services=("web",)),
        },
        compose=replace(
            BUNDLE.compose,
            files=("deploy/compose.yaml",),
            profiles={"more": ("more.yaml",)},
            carries=("deploy/app.env",),
            values={f"deploy/.{name}": found for name, found in values.items()},
        ),
    )


def texts() -> dict[str, YamlText]:
    return {name: YamlText(name, text) for name, text in TEXTS.items()}


def test_each_file_has_an_override_of_its_own() -> None:
    made = generated.overrides(bundle(), texts(), (DB, WEB), {"db": "postgres:16"})
    first, more = made.pop(".morphops/deploy/compose.yaml"), made.pop(".morphops/more.yaml")
    assert made == {}
    assert json.loads(first) == {
        "services": {"db": {"image": str(DB.ref)}, "included": {"image": str(DB.ref)}},
        "x-morphops-sources": {"db": "postgres:16"},
    }
    assert json.loads(more) == {"services": {"web": {"image": str(WEB.ref)}}}
    made = {".morphops/deploy/compose.yaml": first}
    assert generated.sources_of(made, bundle()) == {"db": "postgres:16"}
    assert all(map(generated.is_generated, made))
    assert generated.sources_of({}, bundle()) == {}


def test_an_env_file_that_is_not_carried_becomes_its_variables() -> None:
    made = generated.overrides(bundle(env=("TOKEN", "LEVEL", "NAME")), texts(), (), {})
    first, more = made[".morphops/deploy/compose.yaml"], made[".morphops/more.yaml"]
    # What the files set themselves is not taken from the env file, as in Compose.
    assert b'"api": {"env_file": !override ["app.env"], "environment": {"NAME": null}}' in first
    assert b'"old"' not in first
    assert b'"web": {"env_file": !override [], "environment": ' in more
    assert b'{"LEVEL": null, "NAME": null, "TOKEN": null}' in more


def test_without_such_a_thing_there_is_nothing_to_add() -> None:
    plain = replace(bundle(), images=BUNDLE.images)
    assert generated.overrides(plain, texts(), (), {}) == {}
