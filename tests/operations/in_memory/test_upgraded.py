"""Another version of what makes containers is named in the plan, and replaces nothing."""

from __future__ import annotations

import pytest

from morphops.adapters.docker import model
from morphops.core.plan.changes import upgraded
from morphops.core.stack import Running
from morphops.operations.deploy import deploy
from morphops.report import plan as report
from tests.operations.in_memory.world import OLD, OLD_RUNS, World
from tests.results import valid
from tests.samples.releases import container


def made_with(**versions: str) -> Running:
    return Running(tuple(container(name, made_with=how) for name, how in versions.items()))


@pytest.mark.parametrize(
    ("now", "running", "says"),
    [
        ("C 2", made_with(), ""),
        ("C 2", made_with(a="C 2", b="C 2"), ""),
        ("C 2", made_with(a="", b="C 2"), ""),
        ("", made_with(a="C 1"), ""),
        ("C 2", made_with(a="C 1", b="C 2", c="C 1"), "C 2 is used now, and C 1 made a, c"),
        ("C 3", made_with(a="C 2", b="C 1"), "C 3 is used now, and C 1 made b; C 2 made a"),
        ("C 1", made_with(a="C 2"), "C 1 is used now, and C 2 made a"),  # an older one, too
    ],
)
def test_what_is_said(now: str, running: Running, says: str) -> None:
    assert upgraded(now, running) == says


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("2.26.1-4", "Compose 2.26.1"),
        ("Docker Compose version 2.26.1-4", "Compose 2.26.1"),
        ("Docker Compose version v5.0.0", "Compose 5.0.0"),
        ("", ""),
        ("dev", ""),
    ],
)
def test_a_label_and_a_client_name_it_alike(said: str, name: str) -> None:
    assert model.compose_version(said) == name


def test_the_plan_and_the_deploy_say_so(running: World) -> None:
    assert deploy(running.site(), [OLD.digest], plan_only=True).as_json()["notes"] == []
    running.engine.maker = "Fake 2.0"
    plan = deploy(running.site(), [OLD.digest], plan_only=True)
    (note,) = valid("deploy", plan)["notes"]
    assert note == "Fake 2.0 is used now, and Fake 1.0 made api, db, worker"
    assert f"note: {note}" in list(report.plan(plan))  # type: ignore[arg-type]
    assert not plan.changed
    running.observer.lines.clear()
    deploy(running.site(), [OLD.digest])
    assert note in "\n".join(running.observer.lines)
    assert running.runs == OLD_RUNS
