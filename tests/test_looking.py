"""What looks say of a stack that is not as it should be."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from morphops import gates
from morphops.app import looking, scene
from morphops.app.exclusive import exclusive
from morphops.app.site import Site, open_site
from morphops.engine import Scene
from morphops.errors import DriftFound, GateFailed, PreconditionError
from morphops.probes import World
from morphops.report import history
from morphops.report import looking as report
from morphops.report.console import Reporter
from morphops.target import Stack
from tests.fakes import FakeTarget, Recorder, Remembering
from tests.test_lock import Place
from tests.test_plan import BUNDLE, RELEASE, services

STACK = Path(__file__).parent / "stack"


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget({"x": services("db", "api")}, images=RELEASE.images)


@pytest.fixture
def site(tmp_path: Path, target: FakeTarget, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A release of record that runs, and is healthy."""
    shutil.copytree(STACK, tmp_path / "ops")
    environ = {
        "MORPHOPS_BUNDLE": str(tmp_path / "ops/bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    opened = open_site(Recorder(), environ)
    site = replace(opened, lock=Place(), heads=Remembering(), target=target)
    with exclusive(site, "deploy") as session:
        record = session.history.begin(
            "deploy", release=RELEASE.digest, deployment=1, fingerprint="f", reason=""
        )
        session.history.end(record, "deployed")
    stack = Stack("shop", (), Path("x"))
    target.start(stack, ("db", "api"))
    bundle = replace(BUNDLE, probes={})
    ready = Scene(bundle, RELEASE, stack, services("db", "api"), World(target, "shop", {}))
    monkeypatch.setattr(scene, "reopen", lambda *_, **__: ready)
    return site


def down(site: Site) -> str:
    with exclusive(site, "down") as session:
        record = session.history.begin("down", reason="")
        session.history.end(record, "stopped")
    site.target.teardown("shop")
    return site.history.records()[-1].ended


def test_status_names_every_container_that_is_not_ready(site: Site, target: FakeTarget) -> None:
    target.becomes("db", health="unhealthy", health_output="no disk")
    target.becomes("api", state="exited", exit_code=1)
    view = looking.status(site)
    assert view["state"] == "unhealthy"
    assert {"db is unhealthy: no disk", "api exited with 1"} <= set(view["differences"])
    target.containers.pop("api")
    differences = looking.status(site)["differences"]
    assert [line for line in differences if "api" in line] == ["api: there is no container"]


def test_verify_that_finds_something_ends_as_drift_does(site: Site, target: FakeTarget) -> None:
    target.containers.pop("api")
    with pytest.raises(DriftFound, match="is not what was released") as caught:
        looking.verify(site)
    assert (caught.value.exit_code, caught.value.state) == (6, "nothing was changed")
    assert "api: there is no container" in caught.value.detail


@pytest.mark.parametrize("look", [looking.wait, looking.smoke, looking.verify])
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
        looking.wait(site)
    assert caught.value.state == "nothing was changed"
    assert "inv status" in caught.value.hint


def test_an_empty_history_names_its_folder(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be that only MORPHOPS_STATE is mistyped."""
    site.history.path.unlink()
    site.target.teardown("shop")
    history.history(Reporter(), looking.history(site, 20))
    report.status(Reporter(), looking.status(site))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"nothing was done here yet (state folder: {site.state.root})"
    assert f"release of record: none (state folder: {site.state.root})" in lines
