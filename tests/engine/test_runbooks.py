"""Runbooks carried out on a real stack: stopped, resumed, asked for, interrupted; and the record.

A deploy, one that fails, the way back and a look by runbooks are in tests/e2e.
"""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.engine.helpers import Release
from tests.paths import ROOT
from tests.stacks import Inv

pytestmark = pytest.mark.engine

RUN = "runbook.run"


@pytest.fixture
def books(inv: Inv) -> Path:
    """The runbooks of this repository, in the test's project; its front is called otherwise."""
    folder = Path(shutil.copytree(ROOT / "runbooks", inv.folder / "runbooks"))
    incident = folder / "incident-response.md"
    incident.write_text(incident.read_text().replace("=rpc-adapter", "=front"))
    return folder


def transcript(inv: Inv, name: str) -> list[dict[str, Any]]:
    folder = sorted((inv.state / "runbooks").glob(f"*-{name}"))[-1]
    return [json.loads(line) for line in (folder / "transcript.jsonl").read_text().splitlines()]


def test_a_stopped_run_is_resumed_and_nothing_is_done_twice(
    inv: Inv, release: Release, books: Path
) -> None:
    digest = release()
    env = inv.state / "test.env"
    hidden = env.rename(env.with_suffix(".hidden"))
    words = (RUN, "deploy", f"--release={digest}", "--reason=x", "--yes")
    stopped = inv(*words)
    assert stopped.code == 2, stopped
    assert "step env failed" in stopped.err
    hidden.rename(env)
    resumed = inv(RUN, "deploy", "--resume", "--yes", "--json")
    assert resumed.code == 0, resumed
    entries = transcript(inv, "deploy-deploy-a-release")
    done = [e["step"] for e in entries if e["entry"] == "result"]
    assert done == ["host", "env", "env", "pull", "plan", "deploy", "smoke"]
    again = inv(RUN, "deploy", "--resume", "--yes")
    assert again.code == 3
    assert "no run of deploy, deploy-a-release was stopped" in again.err


def test_a_transcript_that_was_edited_is_refused(inv: Inv, release: Release, books: Path) -> None:
    stopped = inv(RUN, "rollback", "--reason=x", "--yes")
    assert stopped.code == 3, stopped  # nothing was ever deployed
    path = next((inv.state / "runbooks").glob("*/transcript.jsonl"))
    text = path.read_text()
    path.write_text(text.replace('"passed":false', '"passed":true'))
    resumed = inv(RUN, "rollback", "--resume", "--yes")
    assert resumed.code == 3
    assert "was changed after it was written" in resumed.err
    path.write_text(text)
    (books / "rollback.md").write_text((books / "rollback.md").read_text() + "\nMore.\n")
    changed = inv(RUN, "rollback", "--resume", "--yes")
    assert changed.code == 2
    assert "was changed since the run began" in changed.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("deploy",), "release is missing: digest of the release"),
        (("deploy", "--release=latest", "--reason=x"), "release does not have the right form"),
        (("rollback", "--input=reason=--plan"), "reason begins with a dash"),
        (("deploy", "--input=relaese=x"), "relaese is not an input of deploy"),
        (("deploy", "--input=x"), "write --input=NAME=VALUE"),
        (("rollback", "--reason=x", "--sign-off=x=bob"), "x is not a manual step of rollback"),
        (("deplyo",), "no runbook 'deplyo' (there are: deploy, incident-response"),
        (("maintenance",), "sections: name one"),
        (("maintenance", "--section=x"), "maintenance has no section 'x'"),
        (("rollback", "--reason=x"), "cannot ask, because stdin is not a terminal"),
    ],
)
def test_bad_input(inv: Inv, books: Path, words: tuple[str, ...], says: str) -> None:
    done = inv(RUN, *words)
    assert done.code == 2, done
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_manual_step_needs_a_name(inv: Inv, books: Path) -> None:
    words = (RUN, "incident-response", "--section=the-disk-is-full", "--yes")
    refused = inv(*words)
    assert refused.code == 2, refused
    assert "--sign-off=disk-room=NAME" in refused.err
    # Signed off it goes on, and stops at the next step: nothing runs here.
    signed = inv(*words, "--sign-off=disk-room=alice", "--resume")
    assert signed.code == 3, signed
    entries = transcript(inv, "incident-response-the-disk-is-full")
    assert [e["signed_by"] for e in entries if e["entry"] == "result"][1] == "alice"


def test_a_person_is_asked(inv: Inv, books: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", RUN, "incident-response", "--section=the-disk-is-full"],
        cwd=inv.folder,
        env=inv.environ,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"\nbob\nn\n")
    _, err = process.communicate(timeout=600)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 3, err
    assert "run inv host.check ? [Y/n]" in err
    assert "was not agreed to" in err
    entries = transcript(inv, "incident-response-the-disk-is-full")
    assert [e["signed_by"] for e in entries if e["entry"] == "result"] == ["", "bob"]


def waits_for_health(inv: Inv) -> bool:
    """Whether a second operation is at that step."""
    records = inv("history", "--json").json["operations"]
    steps = [done["step"] for done in records[-1]["steps"]]
    return len(records) > 1 and any("wait for health" in step for step in steps)


def test_a_signal_reaches_the_step_once_and_leaves_things_whole(
    inv: Inv, release: Release, books: Path
) -> None:
    first, slow = release(), release(pair="slow")
    assert inv("deploy", f"--image={first}").code == 0
    process = inv.start(RUN, "deploy", f"--release={slow}", "--reason=x", "--yes")
    while not waits_for_health(inv):
        assert process.poll() is None, process.communicate()
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 143, err
    assert "interrupted during step deploy" in err
    records = inv("history", "--json").json["operations"]
    assert records[-1]["outcome"] == "rolled back"
    assert inv("status", "--json").json["release"] == first
    assert transcript(inv, "deploy-deploy-a-release")[-1]["entry"] == "stop"
