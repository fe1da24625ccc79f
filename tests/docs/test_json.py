"""docs/schemas and the tables of the JSON page are written from the results' dataclasses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from inspect import signature
from typing import get_args

import pytest
from jsonschema import Draft202012Validator

from morphops.core import schema
from morphops.core.plan.changes import Action
from morphops.core.results.base import Result, json_name
from morphops.core.results.failure import of_error
from morphops.core.runbook.model import Input
from morphops.errors import ConfigError, LockHeld, MorphopsError, NotShown, RolledBack
from morphops.report import json_schema
from morphops.tasks import ns
from tests.paths import ROOT
from tests.results import SCHEMAS, valid

PAGE = (ROOT / "docs" / "reference" / "json.md").read_text()
ALL = {**json_schema.TASKS, **json_schema.OTHERS}
CLASSES = sorted({cls for types in ALL.values() for cls in types}, key=lambda cls: cls.__name__)
AGAIN = "python -m morphops.report.json_schema docs"


@cache
def made() -> Mapping[str, str]:
    """The schema files of the code, made once for all tests."""
    return json_schema.files()


def test_each_schema_is_the_codes() -> None:
    others = [name for name, text in made().items() if (SCHEMAS / name).read_text() != text]
    assert others == [], AGAIN


def test_what_was_read_before_changes_no_schema() -> None:
    """Reading a class from YAML tells pydantic to forbid unknown keys in it, for the process."""
    before = made()
    with pytest.raises(ConfigError):
        schema.parse_mapping("about: what it is\nno-key: 1\n", "input.yaml", Input)
    assert json_schema.files() == before


def test_there_are_no_other_schemas() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == made().keys()


def test_each_schema_is_one() -> None:
    assert made().keys() == {f"{name}.json" for name in ALL}
    for text in made().values():
        Draft202012Validator.check_schema(json.loads(text))


def test_the_page_is_the_codes() -> None:
    assert json_schema.page(PAGE) == PAGE, AGAIN


def test_every_task_that_reports_has_a_schema() -> None:
    reporting = {name for name in ns.task_names if "json" in signature(ns[name].body).parameters}
    assert reporting == json_schema.TASKS.keys()


def test_every_field_is_described() -> None:
    silent = [
        f"{cls.__name__}.{name}"
        for cls in json_schema.dataclasses_of(CLASSES)
        for name, about in json_schema.descriptions(cls).items()
        if not about
    ]
    assert silent == []


def test_every_result_is_an_envelope() -> None:
    for cls in CLASSES:
        names = {json_name(field.name) for field in fields(cls)}
        assert "schema" not in names, f"that of {cls.__name__} is the class's"
        if cls.__name__ not in ("Event", "WebhookMessage"):
            assert issubclass(cls, Result), cls
            assert {"state", "exit"} <= names, cls


def test_every_action_is_explained() -> None:
    assert [action for action in get_args(Action) if f"`{action}`" not in PAGE] == []


def test_every_link_of_the_page_has_its_heading() -> None:
    headings = {h.strip("`").lower() for h in re.findall(r"^### (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", PAGE)) <= headings


@pytest.mark.parametrize(
    "error",
    [
        RolledBack("it failed", detail=("a", "b"), state="as before", hint="inv status"),
        LockHeld("held"),
        NotShown("full", code=0, state="done"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure(error: MorphopsError) -> None:
    view = valid("error", of_error(error))
    assert (view["exit"], view["error"]["kind"]) == (error.exit_code, type(error).__name__)
