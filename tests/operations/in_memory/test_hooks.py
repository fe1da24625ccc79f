"""Hooks that somebody else may change, or that are not the project's, are not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.errors import ConfigError, PreconditionError
from morphops.operations.deploy import deploy
from tests.operations.in_memory.world import BUNDLE, NEW, OLD_RUNS, World


def with_hook(world: World, moment: str, run: str = "hook") -> Path:
    path = world.folder / "ops/hook"
    path.write_text("#!/bin/sh\ntouch ran\n")
    path.chmod(0o755)
    (world.folder / "ops/bundle.yaml").write_text(f"{BUNDLE}hooks: {{{moment}: {{run: {run}}}}}\n")
    return path


def test_one_that_anybody_may_write_stops_the_deploy(running: World) -> None:
    with_hook(running, "before-deploy").chmod(0o777)
    with pytest.raises(PreconditionError, match="ended with 126") as refused:
        deploy(running.site(), [NEW.digest])
    assert "is not run" in refused.value.message()
    assert "can be written by others" in refused.value.message()
    assert not (running.folder / "ops/ran").exists()
    assert running.runs == OLD_RUNS


def test_after_a_deploy_it_is_only_told(running: World) -> None:
    with_hook(running, "after-deploy").chmod(0o777)
    deploy(running.site(), [NEW.digest])
    assert any("can be written by others" in line for line in running.observer.lines)
    assert not (running.folder / "ops/ran").exists()


def test_one_of_the_project_is_run(running: World) -> None:
    with_hook(running, "before-deploy", "./hook")
    deploy(running.site(), [NEW.digest])
    assert (running.folder / "ops/ran").exists()


@pytest.mark.parametrize("run", ["../outside", "/usr/bin/touch", "a/../../x"])
def test_one_of_elsewhere_is_refused(running: World, run: str) -> None:
    with_hook(running, "before-deploy", run)
    with pytest.raises(ConfigError, match="no path inside of the bundle's folder"):
        running.site()
