"""What decides the values of what runs: what was deployed, and no shell."""

from __future__ import annotations

import pytest

from tests.engine.helpers import Release
from tests.stacks import Inv

pytestmark = pytest.mark.engine

# One that a value has, one that only the compose file's default has, and Compose's own.
SHELL = {
    "FRONT_PORT": "1",
    "UPSTREAM": "https://from.shell",
    "COMPOSE_PROFILES": "extra",
    "COMPOSE_FILE": "/no/such/compose.yaml",
    "COMPOSE_PROJECT_NAME": "somebody-elses",
}


def test_a_shell_decides_nothing_of_what_was_deployed(inv: Inv, release: Release) -> None:
    first, second = release(), release(pair="v2")
    for digest in (first, second):
        assert inv("deploy", f"--image={digest}").code == 0
    again = inv("up", "--reason=drill", "--json", env=SHELL)
    assert (again.code, again.json["changed"]) == (0, False), again
    assert inv("drift", env=SHELL).code == 0
    assert inv("verify", env=SHELL).code == 0
    assert inv("status", "--json", env=SHELL).json["state"] == "healthy"
    assert inv.killed(8, "rollback", "--reason=drill").code == -9
    aborted = inv("abort", env=SHELL)
    assert aborted.code == 0, aborted
    assert inv("down", env=SHELL).code == 0
    assert inv("up", env=SHELL).code == 0
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", second)
    assert {row["service"] for row in status["services"]} == {"a", "b", "front"}
    assert inv("drift").code == 0


def test_back_is_back_whatever_else_stands_in_the_env_file(inv: Inv, release: Release) -> None:
    first, second = release(), release(pair="v2")
    env = inv.state / "test.env"
    # The release decides it, and the file says nothing of it: that is allowed, and no value.
    env.write_text(env.read_text() + "PAIR_IMAGE=\n")
    for digest in (first, second):
        assert inv("deploy", f"--image={digest}").code == 0
    assert inv("rollback", "--reason=drill").code == 0
    none = inv("rollback", "--reason=drill")
    assert (none.code, "no earlier release was healthy" in none.err) == (3, True), none
    assert inv("status", "--json").json["release"] == first
