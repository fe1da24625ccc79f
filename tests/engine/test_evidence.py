"""A front that remembers answers is judged on those of the pair that it stands before."""

from __future__ import annotations

import pytest

from tests.engine.helpers import Release, actions, ask, assert_runs, containers, deploy
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def test_a_bad_pair_does_not_pass_on_what_the_front_remembers(inv: Inv, release: Release) -> None:
    good = release(front="caching")
    deploy(inv, good)
    before = containers(inv)
    done = inv("deploy", f"--image={release(pair='wrong', front='caching')}")
    assert done.code == 4, done
    assert "known answers were missed" in done.err
    assert ask(inv) == 8
    assert_runs(inv, good)
    assert containers(inv)["front"] != before["front"]
    # A good pair is let in, and the plan says what happens to the front.
    better = release(pair="v2", front="caching")
    plan = inv("deploy", f"--image={better}", "--plan", "--json").json
    assert actions(plan) == {"a": "replace", "b": "replace", "front": "replace"}
    reasons = {change["service"]: change["because"] for change in plan["changes"]}
    assert reasons == {"a": "", "b": "", "front": "depends on a, which is replaced"}
