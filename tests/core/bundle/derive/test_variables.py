"""The env schema of compose files, and which of its variables are secrets."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.bundle.derive.secret_names import can_be_made, holds_secret, is_secret_name
from morphops.core.bundle.derive.variables import (
    Says,
    decided_variables,
    of_images,
    variables,
    with_changes,
)
from morphops.core.yaml_text import YamlText

SECRETS = """
POSTGRES_PASSWORD DB_PASS MYSQL_PWD SECRET SECRET_KEY_BASE NEXTAUTH_SECRET API_TOKEN SENTRY_DSN
STRIPE_API_KEY ENCRYPTION_KEY SALT REDIS_AUTH_PASSWORD dbPassword AWS_SECRET_ACCESS_KEY KEY2
"""
NO_SECRETS = """
POSTGRES_USER PASSWORD_FILE DB_PASSWORD_FILE TOKEN_TTL SECRET_NAME REQUIRE_PASSWORD PUBLIC_KEY
KEYBOARD MONKEY AWS_ACCESS_KEY_ID LOG_LEVEL PASSWORD_MIN_LENGTH DISABLE_TOKEN PASSWORD_RESET HOST
"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_called_like_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", NO_SECRETS.split())
def test_not_called_like_a_secret(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("postgres://u:p4ss@db/x", True),
        ("postgres://u:${PASSWORD}@db/x", False),
        ("9f8e7d6c5b4a39281706f5e4d3c2b1a0", True),
        ("sk_live_0123456789abcdefXYZ", True),
        ("debug", False),
        ("http://api:8080/v1/health/of/all", False),
        ("a-sentence-of-plain-words-only", False),
        ("", False),
    ],
)
def test_a_value_may_show_that_it_is_a_secret(value: str, wanted: bool) -> None:
    assert holds_secret(value) is wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("DB_PASSWORD", True),
        ("SECRET_KEY_BASE", True),
        ("SMTP_PASSWORD", False),
        ("STRIPE_API_KEY", False),
        ("SENTRY_DSN", False),
        ("LOG_LEVEL", False),
    ],
)
def test_another_partys_secret_cannot_be_made_up(name: str, wanted: bool) -> None:
    assert can_be_made(name) is wanted


def derived(text: str, **more: Any) -> dict[str, dict[str, Any]]:
    says = Says(texts={"compose.yaml": YamlText("compose.yaml", text)}, **more)
    return {
        name: {key: value for key, value in spec.items() if key != "about"}
        for name, spec in variables(says)[0].items()
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("${NAME:-x}", {"default": "x"}),
        ("${NAME:-}", {}),
        ("${NAME}", {}),
        ("$NAME", {}),
        ("${NAME:?no}", {"required": True}),
        ("${NAME:-x}${NAME:?no}", {"required": True}),
    ],
)
def test_a_plain_variable(text: str, wanted: dict[str, Any]) -> None:
    assert derived(f"services: {{web: {{command: '{text}'}}}}") == {"NAME": wanted}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("${DB_PASSWORD:?no}", {"required": True, "secret": True, "generate": "hex32"}),
        ("${DB_PASSWORD}", {"required": True, "secret": True, "generate": "hex32"}),
        ("${DB_PASSWORD:-}", {"secret": True}),
        ("${DB_PASSWORD:-pg}", {"secret": True, "default": "pg"}),
        ("${STRIPE_API_KEY:?no}", {"required": True, "secret": True}),
        ("${STRIPE_API_KEY}", {"secret": True}),
        ("${URL:-http://u:p1@x/}", {"secret": True, "default": "http://u:p1@x/"}),
    ],
)
def test_a_secret(text: str, wanted: dict[str, Any]) -> None:
    (found,) = derived(f"services: {{web: {{command: '{text}'}}}}").values()
    assert found == wanted


def test_what_a_secret_file_is_made_of_is_a_secret() -> None:
    text = "secrets: {x: {environment: CERTIFICATE}}"
    assert derived(text) == {"CERTIFICATE": {"required": True, "secret": True}}


def test_the_release_documents_and_compose_decide_some() -> None:
    text = "services: {web: {image: '${WEB_IMAGE}', command: '$ROWS $COMPOSE_PROJECT_NAME $A'}}"
    decided = decided_variables(
        {"web": {"variable": "WEB_IMAGE"}, "db": {"source": "x"}, "odd": 1},
        {"manifest": {"provides": {"ROWS": "rows"}}, "odd": None},
    )
    assert list(derived(text, decided=decided)) == ["A"]


def test_profiles_are_switched_on_by_a_variable() -> None:
    says = Says(texts={}, profiles=["work", "debug"])
    found, origins = variables(says)
    assert found["COMPOSE_PROFILES"]["about"].endswith("debug, work.")
    assert origins == {"COMPOSE_PROFILES": "profiles"}


def test_an_env_file_that_is_not_carried_has_variables() -> None:
    env_files = {"app.env": {"A": "1", "B": "", "DB_PASSWORD": "x", "LINK": "http://u:p1@x/"}}
    assert derived("services: {web: {command: '${B:-b} ${C}'}}", env_files=env_files) == {
        "B": {"default": "b"},
        "C": {},
        "A": {"required": True},
        "DB_PASSWORD": {"required": True, "secret": True, "generate": "hex32"},
        "LINK": {"required": True, "secret": True},
    }


def test_no_line_of_a_file_is_in_the_schema() -> None:
    says = Says(texts={"c": YamlText("c", "\n\nservices: {web: {command: $A}}\nx-e: {B: $A}")})
    found, origins = variables(says)
    assert found == {"A": {"about": "Used by web, x-e/B."}}
    assert origins == {"A": "c:3"}


def test_a_person_changes_some_keys() -> None:
    made = {"A": {"about": "x", "default": "1"}, "B": {"about": "y"}}
    changed = with_changes(made, {"A": {"secret": True}, "C": {"required": True}, "D": 1})
    assert changed == {
        "A": {"about": "x", "default": "1", "secret": True},
        "B": {"about": "y"},
        "C": {"about": "Named by the bundle.", "required": True},
        "D": 1,
    }


def test_variables_that_decide_images_alone() -> None:
    text = "services: {web: {image: 'a:$TAG', command: $A}, db: {image: 'd:$A'}}"
    assert of_images({"c": YamlText("c", text)}) == {"TAG"}
