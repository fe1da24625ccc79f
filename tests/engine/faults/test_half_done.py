"""A deploy that ends while the engine replaces containers, not before or after it.

Compose makes the new container under another name, stops the old one, removes it and renames the
new one. Where it is in that is told by the engine's events; a pair that takes two seconds to stop
makes each of these moments long enough to be met.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.engine.helpers import LABEL, Release, ask, assert_runs, containers, deploy, project
from tests.stacks import Inv

pytestmark = [pytest.mark.engine, pytest.mark.long]

GRACE = 2


@pytest.fixture(autouse=True)
def slow_to_stop(inv: Inv) -> None:
    """SIGTERM means nothing to the services, so each is killed when its grace is over."""
    compose = inv.folder / "ops" / "compose" / "compose.yaml"
    text = compose.read_text().replace("stop_grace_period: 1s", f"stop_grace_period: {GRACE}s")
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n      import _thread"
    compose.write_text(text.replace("import _thread", deaf))


def ends_at(inv: Inv, event: str, number: signal.Signals, *words: str) -> int:
    """Run a task, and end it and all that it started when the engine says that this happens."""
    filters = [f"--filter={what}" for what in (f"label={LABEL}={project(inv)}", f"event={event}")]
    listening = ["docker", "events", f"--since={time.time():.3f}", *filters]
    with subprocess.Popen(listening, stdout=subprocess.PIPE, text=True) as events:
        process = inv.start(*words)
        assert events.stdout is not None
        events.stdout.readline()
        if number == signal.SIGTERM:  # as systemd does: everything that it started, too
            for child in descendants(process.pid):
                os.kill(child, number)
        process.send_signal(number)
        process.communicate(timeout=600)
        events.terminate()
    return process.returncode


def descendants(pid: int) -> list[int]:
    """Of a process, by the kernel's own account, the deepest ones last."""
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [below for child in children for below in descendants(child)]


@pytest.mark.parametrize("event", ["create", "kill", "destroy"])
def test_killed_while_containers_are_replaced(inv: Inv, release: Release, event: str) -> None:
    runs, other = release(), release(pair="v2", front="v2")
    deploy(inv, runs)
    words = ("deploy", f"--image={other}")
    for how in ("abort", "resume"):
        assert ends_at(inv, event, signal.SIGKILL, *words) == -signal.SIGKILL
        done = inv(how)
        assert done.code == 0, done
        expected = other if how == "resume" else runs
        # Whatever the engine was asked to stop before that would have ended by then.
        time.sleep(GRACE + 0.5)
        assert_runs(inv, expected)
        assert ask(inv) == 8
        assert names(inv) == {f"{project(inv)}-{name}-1" for name in ("a", "b", "front")}


def test_everything_of_it_is_told_to_stop(inv: Inv, release: Release) -> None:
    runs, other = release(), release(pair="v2", front="v2")
    deploy(inv, runs)
    words = ("deploy", f"--image={other}")
    assert ends_at(inv, "kill", signal.SIGTERM, *words) == 128 + signal.SIGTERM
    time.sleep(GRACE + 0.5)
    assert_runs(inv, runs)
    last = inv("history", "--json").json["operations"][-1]
    assert (last["outcome"], last["error"]) == ("rolled back", "interrupted by SIGTERM")


def test_killed_while_everything_is_stopped(inv: Inv, release: Release) -> None:
    runs = release()
    deploy(inv, runs)
    assert ends_at(inv, "kill", signal.SIGKILL, "down") == -signal.SIGKILL
    done = inv("abort")
    assert done.code == 0, done
    time.sleep(GRACE + 0.5)
    assert_runs(inv, runs)
    assert ends_at(inv, "kill", signal.SIGKILL, "down") == -signal.SIGKILL
    assert inv("resume", "--json").json["state"] == "down"
    assert containers(inv) == {}


def names(inv: Inv) -> set[str]:
    said = subprocess.run(
        ["docker", "inspect", "--format", "{{.Name}}", *containers(inv).values()],
        capture_output=True,
        text=True,
        check=True,
    )
    return {line.removeprefix("/") for line in said.stdout.split()}
