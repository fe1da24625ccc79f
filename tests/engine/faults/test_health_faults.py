"""A container that is restarted or vanishes while a deploy waits, and health that comes and goes.

One that ended or was paused is met in memory (tests/operations/in_memory/test_faults.py).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.engine.faults.helpers import during
from tests.engine.helpers import Release, amend, assert_runs, containers, deploy, project
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def killed(container: str) -> None:
    """As by the kernel when memory runs out: nobody told the engine."""
    os.kill(int(docker("inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)


def removed(container: str) -> None:
    docker("rm", "-f", container)


def check_often(inv: Inv) -> None:
    """Health is checked twice a second, and one check that fails is forgiven."""
    compose = inv.folder / "ops" / "compose" / "compose.yaml"
    text = compose.read_text().replace("interval: 10s", "interval: 500ms")
    compose.write_text(text.replace("retries: 1", "retries: 2"))


@pytest.mark.parametrize(
    ("happens", "line", "front", "says"),
    [
        (killed, "probe pair", "v2", "a was ready, ended, and was restarted"),
        # It is ended, removed and gone; which of these is seen is a matter of the moment.
        (
            removed,
            "waiting: front is starting",
            "slow",
            "a (has no container any more|is removing|exited with 137)",
        ),
    ],
)
def test_a_container_of_the_pair(
    inv: Inv, release: Release, happens: Callable[[str], None], line: str, front: str, says: str
) -> None:
    check_often(inv)
    old = release()
    amend(inv, settle=15)  # the health of the new one has to last
    new = release(pair="v2", front=front)
    deploy(inv, old)
    name = f"{project(inv)}-a-1"
    process = inv.start("deploy", f"--image={new}")
    done = during(process, line, lambda: happens(name))
    assert done.code == 4, done
    assert re.search(says, done.err), done
    assert_runs(inv, old)
    assert inv("drift").code == 0


def test_health_that_comes_and_goes(inv: Inv, release: Release) -> None:
    check_often(inv)
    old = release()
    amend(inv, settle=15)
    new = release(front="flapping")
    deploy(inv, old)
    before = containers(inv)
    done = inv("deploy", f"--image={new}")
    assert done.code == 4, done
    assert "front is healthy and is not, by turns" in done.err, done
    assert_runs(inv, old)
    after = containers(inv)
    assert (after["a"], after["b"]) == (before["a"], before["b"])
