"""docs/reference/json.md names just the fields that there are."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.probes import ProbeContext
from morphops.core.plan import plan
from morphops.core.plan.changes import Change
from morphops.core.stack import Running, Stack
from morphops.operations.pipeline import plan_view
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.tasks import ns
from tests.docs.json_page import TEXT, documented
from tests.fakes import FakeTarget
from tests.samples.plans import decided
from tests.samples.releases import BUNDLE, RELEASE, digest, services


def planned() -> dict[str, Any]:
    wanted = services("db", "api")
    todo = decided(BUNDLE, RELEASE, wanted, Running(), deployment=1, undo=plan.teardown())
    world = ProbeContext(FakeTarget({}), "shop", {})
    scene = PreparedRelease(BUNDLE, RELEASE, Stack("shop", (), Path("x")), wanted, world)
    return plan_view.view(todo, scene, previous=digest("0"))


def test_the_plan() -> None:
    view = planned()
    assert view.keys() == documented("## The plan")
    assert view["changes"][0].keys() == documented("One of `changes`")
    for mapping in (*view["waves"], view["undo"], view["changes"][0]["variables"]):
        for name in mapping:
            assert f"`{name}`" in TEXT.partition("## What was done")[0]


def test_the_waves_of_a_plan_are_those_that_have_services() -> None:
    assert planned()["waves"] == [
        {"wave": 1, "services": ["db"], "deadline": 5, "probes": []},
        {"wave": 2, "services": ["api"], "deadline": 7, "probes": ["ready"]},
    ]
    assert planned()["checks"] == ["data"]


@pytest.mark.parametrize(
    "name",
    [n for n in sorted(ns.task_names) if "json" in signature(ns[n].body).parameters],
)
def test_every_task_that_reports(name: str) -> None:
    stands = set(re.findall(r"`([a-z]+(?:\.[a-z]+)?)(?: --plan)?`", TEXT))
    stands |= {f"{name}.{ns.collections[name].default}" for name in stands & ns.collections.keys()}
    assert name in stands


@pytest.mark.parametrize("action", ["create", "replace", "start", "keep", "remove"])
def test_every_action(action: str) -> None:
    assert f"`{action}`" in TEXT
    view = Change(service="x", action=action).as_json()  # type: ignore[arg-type]
    assert view.keys() == documented("One of `changes`")
