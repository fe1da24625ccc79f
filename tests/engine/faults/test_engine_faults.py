"""The engine itself ends and comes back, or stays away, in the middle of a deploy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.faults.helpers import Elsewhere, during
from tests.engine.helpers import Release, assert_runs, containers, deploy
from tests.engine.registry_proxy import Fault
from tests.stacks import Inv, Result

pytestmark = [pytest.mark.engine, pytest.mark.long]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Elsewhere]:
    with Elsewhere(tmp_path_factory.mktemp("engine"), registry).there() as made:
        yield made


@pytest.fixture
def inv(elsewhere: Elsewhere, tmp_path: Path, images: dict[str, str]) -> Iterator[Inv]:
    made = elsewhere.project(tmp_path)
    yield made
    elsewhere.proxy.becomes(None)
    elsewhere.remove(made)


def crashes(elsewhere: Elsewhere) -> None:
    elsewhere.engine.crash()
    elsewhere.engine.power_on()


def restarts(elsewhere: Elsewhere) -> None:
    elsewhere.engine.shut_down()
    elsewhere.engine.power_on()


# As anybody types it, but nobody waits a minute for an engine to come back.
IMPATIENT = """
import sys
from invoke.main import program
from morphops.operations.pipeline import execute
execute.PATIENCE = 0
sys.exit(program.run())
"""


def ended_whole(inv: Inv, done: Result, old: str, new: str) -> None:
    """Whole, as the exit code says; or `status` says what is left to do, and that does it."""
    assert "Traceback" not in done.err, done
    if done.code == 0:
        assert_runs(inv, new)
    elif done.code == 3:
        # We touched none, but an engine that was killed stops what it finds running when it comes
        # back, and takes that for somebody's wish.
        assert "no container was touched" in done.err, done
        up = inv("up", "--reason=the engine was killed")
        assert up.code == 0, up
        assert_runs(inv, old)
    elif done.code == 4:
        assert_runs(inv, old)
    else:
        assert done.code == 5, done
        assert inv("status", "--json").json["under_way"], done
        ended = inv("abort")
        assert ended.code == 0, (done, ended)
        assert_runs(inv, old)


def test_while_it_pulls(
    inv: Inv, elsewhere: Elsewhere, images: dict[str, str], fresh: Callable[[], str]
) -> None:
    old = Release(inv, images)()
    new = Release(inv, images | {"pair-fresh": fresh()})(pair="fresh")
    deploy(inv, old)
    before = containers(inv)
    elsewhere.proxy.becomes(Fault("hang", "/blobs/"))
    process = inv.start("deploy", f"--image={new}")
    elsewhere.proxy.hit()
    crashes(elsewhere)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 3, said
    elsewhere.proxy.becomes(None)
    assert containers(inv) == before
    assert inv("status", "--json").json["state"] == "unhealthy"
    ended_whole(inv, Result(process.returncode, "", said), old, new)
    assert containers(inv) == before
    deploy(inv, new)
    assert_runs(inv, new)


@pytest.mark.parametrize(
    ("line", "happens"),
    [
        ("start wave 1", crashes),
        ("wait for health: a b", restarts),
    ],
)
def test_while_it_starts_and_waits(
    inv: Inv,
    elsewhere: Elsewhere,
    release: Release,
    line: str,
    happens: Callable[[Elsewhere], None],
) -> None:
    old, new = release(), release(pair="v2", front="v2")
    deploy(inv, old)
    done = during(inv.start("deploy", f"--image={new}"), line, lambda: happens(elsewhere))
    ended_whole(inv, done, old, new)


def test_it_stays_away(inv: Inv, elsewhere: Elsewhere, release: Release) -> None:
    old, new = release(), release(pair="v2", front="v2")
    deploy(inv, old)
    process = inv.start_script(IMPATIENT, "-c", "deploy", f"--image={new}")
    try:
        done = during(process, "start wave 2", elsewhere.engine.crash)
    finally:
        elsewhere.engine.power_on()
    assert done.code == 5, done
    assert "it is neither finished nor undone" in done.err
    assert inv("status", "--json").json["under_way"]["steps"]
    ended = inv("resume")
    assert ended.code == 0, ended
    assert_runs(inv, new)
