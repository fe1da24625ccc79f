"""The commands of every day on a real engine, as a user types them."""

from __future__ import annotations

import subprocess

import pytest

from tests.engine.helpers import Release, containers
from tests.stacks import SECRET, Inv

pytestmark = pytest.mark.engine


def left_of(project: str, kind: str, label: str = "com.docker.compose.project") -> list[str]:
    """What is there of a project: its containers, networks or volumes."""
    words = ["docker", kind, "ls", "-q", "--filter", f"label={label}={project}"]
    if kind == "container":
        words.append("--all")
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()


def test_restart_exec_run_logs_and_the_end(inv: Inv, release: Release) -> None:
    nothing = inv("exec", "front", "--", "true")
    assert (nothing.code, "no release of record" in nothing.err) == (3, True), nothing
    assert inv("deploy", f"--image={release()}").code == 0
    project = inv("status", "--json").json["project"]
    before = containers(inv)

    done = inv("restart", "front", "--reason=it hangs", "--json")
    assert (done.code, done.json["services"]) == (0, ["front"]), done
    assert containers(inv) == before

    # Words reach the program as they were typed, and its exit code comes back.
    words = ("sh", "-c", 'echo "$1"; exit 7', "sh", "two  words *")
    done = inv("exec", "front", "--", *words)
    assert (done.code, done.out) == (7, "two  words *\n"), done
    assert inv("exec", "front", "--", "no-such-program").code in (126, 127)
    said = inv("exec", "front", "--json", "--", "env").json
    assert said["exit"] == 0
    assert SECRET not in str(said)

    done = inv("run", "front", "--reason=by hand", "--", "sh", "-c", "echo $ROLE; exit 3")
    assert (done.code, done.out.strip()) == (3, "front"), done
    assert containers(inv) == before
    assert len(left_of(project, "container")) == len(before)
    assert inv("drift").code == 0

    plan = inv("recreate", "b", "--plan", "--json").json
    assert {c["service"]: c["action"] for c in plan["changes"]}["b"] == "replace"
    done = inv("recreate", "b", "--json")
    assert done.code == 0, done
    after = containers(inv)
    assert after["b"] != before["b"]
    assert after["a"] == before["a"]
    assert inv("drift").code == 0

    done = inv("logs", "a", "b", "--tail=1", "--since=1h")
    assert done.code == 0, done
    assert {line.split()[0] for line in done.out.splitlines()} <= {"a", "b"}

    rows = sorted(inv("history", "--json").json["operations"], key=lambda row: row["id"])
    assert [row["kind"] for row in rows] == ["deploy", "restart", "run", "recreate"]

    assert inv("destroy", "--json").code == 2
    plan = inv("destroy", "--plan", "--json").json
    assert set(plan["containers"]) == set(before)
    done = inv("destroy", f"--project={project}", "--reason=over", "--json")
    assert done.code == 0, done
    for kind in ("container", "network", "volume"):
        assert left_of(project, kind) == []
    assert left_of(project, "volume", "morphops.head") == []
    assert inv("history", "--json").json["operations"]
    assert inv("deploy", f"--image={release()}").code == 0
