"""What Compose and the engine say of services that end, and of how replicas are replaced."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.adapters.docker import model
from morphops.core import jobs
from morphops.core.bundle.schema import Job
from morphops.core.stack import Rolling
from tests.samples.releases import BUNDLE


@pytest.mark.parametrize(
    ("state", "ended", "succeeded"),
    [
        (
            {"Status": "exited", "ExitCode": 0, "FinishedAt": "2026-11-29T01:07:53.690314325Z"},
            "2026-11-29T01:07:53+00:00",
            True,
        ),
        (
            {"Status": "exited", "ExitCode": 3, "FinishedAt": "2026-11-29T01:07:53Z"},
            "2026-11-29T01:07:53+00:00",
            False,
        ),
        ({"Status": "running", "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z"}, "", False),
        ({"Status": "created", "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z"}, "", False),
    ],
)
def test_when_a_container_ended(state: dict[str, Any], ended: str, succeeded: bool) -> None:
    seen = model.instance(
        {"Id": "i", "Name": "/x", "Image": "sha256:1", "State": state, "Config": {}}, "config"
    )
    assert (seen.ended, seen.succeeded) == (ended, succeeded)


@pytest.mark.parametrize(
    ("spec", "rolling"),
    [
        ({}, None),
        ({"deploy": {"replicas": 2}}, None),
        ({"deploy": {"update_config": {}}}, Rolling()),
        ({"deploy": {"update_config": {"parallelism": 0}}}, None),
        (
            {
                "deploy": {
                    "update_config": {"parallelism": 2, "order": "start-first", "delay": "5s"}
                }
            },
            Rolling(parallelism=2, start_first=True, delay=5.0),
        ),
        (
            {"deploy": {"update_config": {"order": "start-first"}}, "container_name": "x"},
            Rolling(),
        ),
        (
            {
                "deploy": {"update_config": {"order": "start-first"}},
                "ports": [{"target": 80, "published": "80"}],
            },
            Rolling(),
        ),
    ],
)
def test_how_replicas_are_replaced(spec: dict[str, Any], rolling: Rolling | None) -> None:
    assert model.service("web", {"image": "x", **spec}).rolling == rolling


def test_what_another_waits_for_is_a_job() -> None:
    waits = {"migrate": {"condition": "service_completed_successfully"}}
    rendered = {"services": {"migrate": {"image": "x"}, "web": {"image": "x", "depends_on": waits}}}
    services = jobs.with_jobs(BUNDLE, model.services(rendered))
    assert {name: service.job for name, service in services.items()} == {
        "migrate": Job(), "web": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "again"),
    [
        ({}, ""),
        ({"restart": "no"}, ""),
        ({"restart": "on-failure:3"}, ""),
        ({"restart": "always"}, "always"),
        ({"restart": "unless-stopped"}, "unless-stopped"),
        ({"deploy": {"restart_policy": {"condition": "any"}}}, "always"),
    ],
)
def test_what_would_start_a_job_again(spec: dict[str, Any], again: str) -> None:
    assert jobs.started_again(model.service("migrate", {"image": "x", **spec})) == again
