"""A webhook is told of what became of deploys, and its URL is seen nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import webhooks
from tests.engine.helpers import Release
from tests.stacks import SECRET, Inv
from tests.webhooks import TOKEN

pytestmark = pytest.mark.engine


def everything(inv: Inv) -> str:
    """All that was written down; the env values are the one place that may hold secrets."""
    kept = [path for path in inv.state.rglob("*") if path.is_file() and path.suffix != ".env"]
    return "".join(path.read_text(errors="replace") for path in kept)


def test_the_webhook_is_told_how_it_came_out(inv: Inv, release: Release) -> None:
    path = inv.folder / "ops" / "bundle.yaml"
    path.write_text(path.read_text() + "notify: {url_from: OPS_WEBHOOK}\n")
    good, bad = release(), release(pair="crash")
    said = []
    with webhooks.served() as webhook:
        env = {"OPS_WEBHOOK": webhook.url, "NO_PROXY": "127.0.0.1"}
        for words, code in (
            (("deploy", f"--image={good}", f"--reason=say {SECRET}"), 0),
            (("deploy", f"--image={bad}"), 4),
            (("down",), 0),
        ):
            done = inv(*words, env=env)
            assert done.code == code, done
            said.append(done.out + done.err)
        webhook.manner = "error"
        assert inv.killed(3, "deploy", f"--image={good}").code == -9
        resumed = inv("resume", env=env)
        assert resumed.code == 0, resumed
        assert "the webhook was not told of after-deploy: it answered 500" in resumed.err
        said.append(resumed.out + resumed.err)
        assert inv.killed(3, "deploy", f"--image={good}").code == -9
        assert inv("abort", env=env).code == 0
    told = [(b["moment"], b["operation"], b["release"], b["outcome"]) for b in webhook.bodies]
    assert told == [
        ("after-deploy", 1, good, "deployed"),
        ("on-failure", 2, bad, "rolled back"),
        ("after-deploy", 4, good, "deployed"),
        ("on-failure", 5, good, "refused"),
    ]
    first, failure, *_ = webhook.bodies
    assert (first["previous"], failure["previous"]) == ("", good)
    assert first["reason"] == "say REDACTED"
    assert "ends and is started again" in failure["error"]
    assert Path(failure["evidence"]).parent == inv.state / "failures"
    assert TOKEN not in "".join(said) + everything(inv)
    assert SECRET not in "".join(said) + str(webhook.bodies)
