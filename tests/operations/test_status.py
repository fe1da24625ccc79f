"""What looks say of a stack that is not as it should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from morphops.adapters.probes import ProbeContext
from morphops.core.history.operations import ValuesRecord
from morphops.core.stack import Stack
from morphops.errors import GateFailed, PreconditionError
from morphops.operations import smoke, status, verify, wait
from morphops.operations.history import show
from morphops.operations.pipeline import gates, prepare
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import exclusive
from morphops.report import history
from morphops.report import status as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import FakeTarget, Place, Recorder, Remembering
from tests.paths import STACK
from tests.results import valid
from tests.samples.releases import BUNDLE, RELEASE, services


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget({"x": services("db", "api")}, images=RELEASE.images)


@pytest.fixture
def site(tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A release of record that runs, and is healthy."""
    environ = {
        "MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    opened = open_site(Recorder(), environ)
    site = opened.on(lock=Place(), heads=Remembering(), workloads=target, images=target)
    with exclusive(site, "deploy") as session:
        record = session.history.begin(
            "deploy", release=RELEASE.digest, deployment=1, values=ValuesRecord("f"), reason=""
        )
        session.history.end(record, "deployed")
    stack = Stack("shop", (), Path("x"))
    target.start(stack, ("db", "api"))
    bundle = replace(BUNDLE, probes={})
    ready = PreparedRelease(
        bundle, RELEASE, stack, services("db", "api"), ProbeContext(target, "shop", {})
    )
    monkeypatch.setattr(prepare, "reopen", lambda *_, **__: ready)
    return site


def down(site: Site) -> str:
    with exclusive(site, "down") as session:
        record = session.history.begin("down", reason="")
        session.history.end(record, "stopped")
    site.platform.workloads.teardown("shop")
    return site.history.records()[-1].ended


def test_status_names_every_container_that_is_not_ready(site: Site, target: FakeTarget) -> None:
    target.becomes("db", health="unhealthy", health_output="no disk")
    target.becomes("api", state="exited", exit_code=1)
    view = valid("status", status.status(site))
    assert view["state"] == "unhealthy"
    assert {"db is unhealthy: no disk", "api exited with 1"} <= set(view["differences"])
    target.containers.pop("api")
    differences = valid("status", status.status(site))["differences"]
    assert [line for line in differences if "api" in line] == ["api: there is no container"]


def test_verify_that_finds_something_ends_as_drift_does(site: Site, target: FakeTarget) -> None:
    target.containers.pop("api")
    view = valid("verify", verify.verify(site))
    assert (view["state"], view["exit"]) == ("drift", 6)
    assert "api: there is no container" in [row["text"] for row in view["findings"]]
    assert view["next"].startswith("inv drift; inv up")


@pytest.mark.parametrize("look", [wait.wait, smoke.smoke, verify.verify])
def test_what_was_stopped_on_purpose_is_not_waited_for(
    site: Site, look: Callable[[Site], object]
) -> None:
    when = down(site)
    with pytest.raises(PreconditionError, match=re.escape(f"is down since {when}")) as caught:
        look(site)
    assert "inv up" in caught.value.hint


def test_a_wait_in_vain_says_what_to_do(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise GateFailed("not healthy within 5 s: x")

    monkeypatch.setattr(gates, "await_health", never)
    with pytest.raises(GateFailed) as caught:
        wait.wait(site)
    assert caught.value.state == "nothing was changed"
    assert "inv status" in caught.value.hint


def test_an_empty_history_names_its_folder(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be that only MORPHOPS_STATE is mistyped."""
    site.history.path.unlink()
    site.platform.workloads.teardown("shop")
    history.history(Reporter(), show.history(site, 20))
    report.status(Reporter(), status.status(site))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"nothing was done here yet (state folder: {site.state.root})"
    assert f"release of record: none (state folder: {site.state.root})" in lines
