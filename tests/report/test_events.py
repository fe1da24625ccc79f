"""Progress as JSON lines: whole, redacted, and no reason for an operation to fail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from morphops.core.redact import Redactor
from morphops.core.results.base import Result
from morphops.errors import GateFailed, InputError, RolledBack
from morphops.report import events
from morphops.report.events import Both, EventLog
from tests import forked
from tests.fakes.observer import Recorder
from tests.paths import ROOT
from tests.results import validate

TASKS = """
from invoke import task
from morphops.cli import command, perform
from morphops.core.results.base import Result
from morphops.errors import RolledBack

@task
@command(changes=True)
def work(c, fail=False, events="", json=False):
    def use_case(site):
        site.observer.step(1, 2, "start wave 1: db")
        site.observer.waiting("db is starting")
        if fail:
            raise RolledBack("db is unhealthy", state="as before", hint="inv logs")
        return Result(state="healthy")
    perform(json, use_case, lambda r, v: r.say(v.state), events=events)
"""


def lines(text: str) -> list[dict[str, Any]]:
    """The events of some lines, each after it was found to be what its schema says."""
    found: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    for event in found:
        validate("event", event)
    return found


def test_each_kind_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with events.opened(str(path)) as log:
        log.step(1, 7, "pull\napi")
        log.waiting("db is starting")
        log.note("x")
        log.undoing(GateFailed("db is unhealthy"))
        log.finished(Result(state="findings", exit=6))
        log.failed(RolledBack("it failed", hint="inv logs"))
    shown = [
        (e["event"], e["text"], e["number"], e["total"], e["exit"], e["error"], e["next"])
        for e in lines(path.read_text())
    ]
    assert shown == [
        ("step", "pull\napi", 1, 7, 0, "", ""),
        ("waiting", "db is starting", 0, 0, 0, "", ""),
        ("note", "x", 0, 0, 0, "", ""),
        ("undo", "db is unhealthy", 0, 0, 0, "GateFailed", ""),
        ("result", "findings", 0, 0, 6, "", ""),
        ("result", "it failed", 0, 0, 4, "RolledBack", "inv logs"),
    ]


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for text in ("first", "second"):
        with events.opened(str(path)) as log:
            log.note(text)
    assert [event["text"] for event in lines(path.read_text())] == ["first", "second"]
    assert path.stat().st_mode & 0o077 == 0


def test_secrets_are_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with events.opened(str(path)) as log:
        log.redact_with(Redactor(["hunter2hunter2"]))
        log.step(1, 1, "ask hunter2hunter2")
        log.failed(RolledBack("hunter2hunter2 failed", hint="curl hunter2hunter2"))
    assert "hunter2" not in path.read_text()
    assert len(lines(path.read_text())) == 2


def test_a_reader_that_went_away_is_no_failure() -> None:
    reads, writes = os.pipe()
    log = EventLog(writes)
    log.note("read")
    assert json.loads(os.read(reads, 4096))["text"] == "read"
    os.close(reads)
    log.note("nobody reads this")
    log.step(1, 2, "nor this")
    os.close(writes)


def test_a_full_disk_is_no_failure() -> None:
    with events.opened("/dev/full") as log:
        log.note("lost")
        log.note("lost as well")


def test_a_file_that_cannot_be_opened_is_said_before_anything_begins(tmp_path: Path) -> None:
    path = tmp_path / "none/events.jsonl"
    with (
        pytest.raises(InputError, match=f"cannot write events to {path}") as caught,
        events.opened(str(path)),
    ):
        pass
    assert caught.value.state == "nothing was changed"


def test_both_are_told_everything(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    recorder = Recorder()
    with events.opened(str(path)) as log:
        both = Both(recorder, log)
        both.step(1, 2, "a")
        both.waiting("b")
        both.note("c")
        both.undoing(GateFailed("d"))
    assert [event["text"] for event in lines(path.read_text())] == ["a", "b", "c", "d"]
    assert recorder.lines == ["1/2 a", "waiting: b", "c", "undoing: d"]


def work(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "tasks.py").write_text(TASKS)
    environ = {**os.environ, "MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")}
    return forked.invoke(("work", *words), folder=folder, environ=environ)


def test_on_stderr_there_is_nothing_else(tmp_path: Path) -> None:
    done = work(tmp_path, "--events=-")
    assert done.returncode == 0
    assert done.stdout == "healthy\n"
    kinds = [(event["event"], event["exit"]) for event in lines(done.stderr)]
    assert kinds == [("step", 0), ("waiting", 0), ("result", 0)]


def test_a_failure_is_the_last_line(tmp_path: Path) -> None:
    done = work(tmp_path, "--events=-", "--fail", "--json")
    assert done.returncode == 4
    validate("error", json.loads(done.stdout))
    last = lines(done.stderr)[-1]
    assert (last["event"], last["text"], last["exit"]) == ("result", "db is unhealthy", 4)
    assert (last["error"], last["next"]) == ("RolledBack", "inv logs")


def test_in_a_file_beside_what_people_see(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    done = work(tmp_path, f"--events={path}", "--fail")
    assert done.returncode == 4
    assert [event["event"] for event in lines(path.read_text())] == ["step", "waiting", "result"]
    assert "db is unhealthy" in done.stderr


def test_a_path_that_cannot_be_written_stops_it_early(tmp_path: Path) -> None:
    done = work(tmp_path, f"--events={tmp_path}/none/x", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["state"] == "nothing was changed"
