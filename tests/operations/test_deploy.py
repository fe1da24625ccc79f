"""What a deploy reads, and when; and that `--plan` leaves nothing behind, whatever happens."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.store.state_folder import Deployment
from morphops.core.env.dotenv import EnvFile
from morphops.errors import Interrupted, PreconditionError
from morphops.operations import deploy
from morphops.operations.pipeline import change
from morphops.operations.pipeline import prepare as pipeline_prepare
from morphops.operations.pipeline.change import Request
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.release import find
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests import stacks
from tests.fakes import FakeTarget, Recorder, Remembering
from tests.paths import STACK
from tests.samples.releases import RELEASE

ENV = EnvFile("test.env", {}, {})


@pytest.fixture
def site(tmp_path: Path) -> Site:
    environ = {
        "MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
    }
    return open_site(Recorder(), environ).on(
        workloads=FakeTarget({}), images=FakeTarget({}), heads=Remembering()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_values_behind(
    site: Site, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def prepare(
        site: Site, release: object, env: object, deployment: Deployment, *_: Any
    ) -> PreparedRelease:
        site.state.write(deployment.values, b"TOKEN=secret\n")
        os.kill(os.getpid(), number)
        raise AssertionError("it goes on")

    monkeypatch.setattr(pipeline_prepare, "prepare", prepare)
    with pytest.raises(Interrupted) as caught:
        change.show_plan(site, Request(kind="deploy", release=RELEASE, env=ENV))
    assert caught.value.exit_code == 128 + number
    assert caught.value.state == "nothing was changed"
    assert list(site.state.root.iterdir()) == []


def test_a_disk_without_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(PreconditionError, match=r"cannot write .*: No space left on device"):
        change.show_plan(site, Request(kind="deploy", release=RELEASE, env=ENV))


@pytest.mark.parametrize("wait", [0, 600])
def test_release_and_env_file_are_those_of_when_the_lock_was_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: float
) -> None:
    inv = stacks.project(tmp_path, "morphops-test-lock", 1, registry="127.0.0.1:1")
    environ = {"MORPHOPS_BUNDLE": str(tmp_path / "ops/bundle.yaml")}
    site = open_site(Reporter(True), environ | {"MORPHOPS_STATE": str(inv.state)})
    happened: list[str] = []
    brought: list[Any] = []

    def resolve(*_: object, store: bool = True) -> Any:
        happened.append("resolved, and kept" if store else "resolved")
        return RELEASE

    @contextmanager
    def exclusive(*_: object, **__: object) -> Iterator[None]:
        happened.append("locked")
        # Whoever had it before us wrote another value.
        stacks.write_env(inv.state / "test.env", FRONT_PORT="2")
        yield

    def bring(*arguments: Any, **_: object) -> dict[str, Any]:
        brought.extend(arguments)
        return {}

    monkeypatch.setattr(find, "resolve", resolve)
    monkeypatch.setattr(deploy, "exclusive", exclusive)
    monkeypatch.setattr(deploy, "bring", bring)
    deploy.deploy(site, ["sha256:…"], wait=wait)
    assert happened == ["resolved", "locked", "resolved, and kept"]
    assert brought[2].env.values["FRONT_PORT"] == "2"
