"""The images of a bundle, from what services have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from morphops.core.bundle.derive.images import images
from morphops.errors import ConfigError

BUILD: dict[str, Any] = {"build": {"context": "."}}


def derived(
    services: Mapping[str, Mapping[str, Any]],
    ends: tuple[str, ...] = (),
    values: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Mapping[str, Any]]:
    found = images(services, project="shop", ends=ends, values=values, where={})
    return {name: image.spec for name, image in found.items()}


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("postgres:16", {}, {"source": "postgres:16", "services": ["api"]}),
        ("app:${TAG:-1}", {}, {"source": "app:1", "services": ["api"]}),
        ("app:${TAG:-1}", {"TAG": "2"}, {"source": "app:2", "services": ["api"]}),
        ("${HOST:-x.invalid}/app", {}, {"source": "x.invalid/app", "services": ["api"]}),
        ("${IMAGE:-app:1}", {}, {"source": "app:1", "services": ["api"]}),
        ("${API_IMAGE:?no}", {"API_IMAGE": "a:1"}, {"source": "a:1", "services": ["api"]}),
        ("${API_IMAGE}", {}, {"repository": "shop/api", "variable": "API_IMAGE"}),
        ("$API_IMAGE", {}, {"repository": "shop/api", "variable": "API_IMAGE"}),
        ("${API_IMAGE:?is not set}", {}, {"repository": "shop/api", "variable": "API_IMAGE"}),
    ],
)
def test_one_image(text: str, values: dict[str, str], wanted: dict[str, Any]) -> None:
    assert derived({"api": {"image": text}}, values=values) == {"api": wanted}


def test_services_with_one_text_have_one_image() -> None:
    services = {"migrate": {"image": "app"}, "web": {"image": "app"}, "db": {"image": "db"}}
    assert derived(services, ends=("migrate",)) == {
        "web": {"source": "app", "services": ["migrate", "web"]},
        "db": {"source": "db", "services": ["db"]},
    }


def test_a_variable_is_the_same_however_compose_is_to_refuse_without_it() -> None:
    services = {"a": {"image": "${APP_IMAGE:?no}"}, "b": {"image": "${APP_IMAGE}"}}
    found = images(services, project="shop", ends=(), values={}, where={})
    assert {n: i.spec for n, i in found.items()} == {
        "app": {"repository": "shop/app", "variable": "APP_IMAGE"}
    }


def test_what_is_built_here_lies_below_the_project() -> None:
    services = {"web": {**BUILD, "image": "shop/web:dev"}, "worker": {"image": "shop/web:dev"}}
    assert derived({**services, "Api_2": BUILD}) == {
        "web": {"repository": "shop/web", "services": ["web", "worker"], "target": "web"},
        "api-2": {"repository": "shop/api-2", "services": ["Api_2"], "target": "Api_2"},
    }


def test_names_do_not_collide() -> None:
    services = {"a_b": {"image": "x"}, "a.b": {"image": "y"}}
    assert list(derived(services)) == ["a-b", "a-b-2"]


@pytest.mark.parametrize(
    ("service", "why"),
    [
        ({}, "api has neither image nor build"),
        ({"image": "app:${TAG}"}, "TAG has no value"),
        ({"image": "app:${TAG:?set it}"}, "TAG has no value"),
    ],
)
def test_refused_by_name(service: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        derived({"api": service})
    assert caught.value.hint
