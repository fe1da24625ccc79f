"""A broken bundle in the working tree: the release of record has its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from morphops.errors import ConfigError
from morphops.operations import drift, verify, wait
from morphops.operations.abort import abort
from morphops.operations.deploy import deploy
from morphops.operations.down import down
from morphops.operations.resume import resume
from morphops.operations.rollback import rollback
from morphops.operations.status import status
from morphops.operations.up import up
from morphops.site import Site, open_site
from morphops.tasks import ns
from tests.operations.in_memory.world import BUNDLE, NEW, OLD_RUNS, Killed, World

BROKEN = {
    "an unknown key": f"{BUNDLE}servces: x\n",
    "an entry that is wrong": f"{BUNDLE}accept: [{{rule: x}}]\n",
    "no YAML": f"{BUNDLE}waves: [\n",
    "the wrong registry": BUNDLE.replace("127.0.0.1:1", "https://x/"),
    "a key twice": f"{BUNDLE}project: shop\n",
}
LOOKS: list[Callable[[Site], Any]] = [status, drift.look, verify.verify, wait.wait]
# What starts from what is typed or from the working tree cannot do with another bundle.
BY_RECORD = {
    "status", "rollback", "resume", "abort", "up", "down", "drift", "verify", "wait", "smoke",
    "logs", "restart", "recreate", "exec", "run", "destroy", "top",
    "history.show", "audit.show", "audit.verify", "lock.status", "lock.break",
}  # fmt: skip


def broken(world: World, how: str) -> Callable[[], Site]:
    (world.folder / "ops/bundle.yaml").write_text(BROKEN[how])
    return lambda: world.site(of_record=True)


@pytest.mark.parametrize("how", BROKEN)
def test_what_goes_by_the_release_of_record_goes_on(running: World, how: str) -> None:
    deploy(running.site(), [NEW.digest])
    site = broken(running, how)
    for look in LOOKS:
        assert look(site()).exit == 0
    assert any("release of record is used instead" in line for line in running.observer.lines)
    rollback(site(), reason="it is slow")
    assert running.runs == OLD_RUNS
    down(site())
    up(site())
    assert running.runs == OLD_RUNS


@pytest.mark.parametrize("end", [resume, abort])
def test_what_was_cut_off_can_be_ended(running: World, end: Callable[[Site], Any]) -> None:
    running.engine.faults.at("start api", Killed())
    with pytest.raises(Killed):
        deploy(running.site(), [NEW.digest])
    end(broken(running, "an unknown key")())
    assert running.runs == (OLD_RUNS if end is abort else {"api": "new", "db": "same"})


@pytest.mark.parametrize("how", BROKEN)
def test_a_deploy_goes_by_the_working_tree(running: World, how: str) -> None:
    (running.folder / "ops/bundle.yaml").write_text(BROKEN[how])
    with pytest.raises(ConfigError):
        running.site()


def test_without_a_release_of_record_there_is_none_to_use(world: World) -> None:
    with pytest.raises(ConfigError):
        broken(world, "an unknown key")()


def test_the_tasks_that_do_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, bool] = {}

    class Opened(Exception):
        pass

    def opened(*_: object, of_record: bool = False) -> Site:
        asked[name] = of_record
        raise Opened

    assert callable(open_site)
    monkeypatch.setattr("morphops.site.open_site", opened)
    for name in sorted(BY_RECORD | {"deploy", "env.check", "release.create"}):
        given: dict[str, Any] = {}
        if name == "deploy":
            given = {"image": ["sha256:x"]}
        elif name == "release.create":
            given = {"label": [], "image": []}
        with pytest.raises(Opened):
            ns[name].body(Context(), **given)
    assert {name for name, by_record in asked.items() if by_record} == BY_RECORD
