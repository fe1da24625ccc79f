"""What `perform` shows of a result, and with which exit code a task ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from morphops.cli import command, pairs, perform
from morphops.core.results.base import Result
from morphops.errors import InputError, NotShown
from morphops.report.console import Reporter
from morphops.settings import ENV_SHOW_TEXT
from morphops.site import Site
from tests.paths import STACK


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MORPHOPS_BUNDLE", str(STACK / "bundle.yaml"))
    monkeypatch.setenv("MORPHOPS_STATE", str(tmp_path))
    monkeypatch.delenv(ENV_SHOW_TEXT, raising=False)


def show(reporter: Reporter, result: Result) -> None:
    reporter.say(f"it is {result.state}")


def ends(code: int) -> Callable[[Site], Result]:
    """A use case that comes to a result with an exit code."""
    return lambda site: Result(state=site.bundle.project, exit=code)


def test_a_result_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    perform(False, ends(0), show)
    assert capsys.readouterr() == ("it is morphops-test\n", "")


def test_a_result_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    perform(True, ends(0), show)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["state"] == "morphops-test"
    assert shown.err == ""


def test_a_result_as_json_and_as_text_for_who_runs_a_runbook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_SHOW_TEXT, "1")
    perform(True, ends(0), show)
    shown = capsys.readouterr()
    assert json.loads(shown.out)["exit"] == 0
    assert shown.err == "it is morphops-test\n"


def test_what_is_amiss_is_shown_and_then_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Exit) as ended:
        perform(False, ends(6), show)
    assert ended.value.code == 6
    assert capsys.readouterr().out == "it is morphops-test\n"


@pytest.mark.parametrize(("own", "code"), [(0, 1), (6, 6)])
def test_what_cannot_be_shown(monkeypatch: pytest.MonkeyPatch, own: int, code: int) -> None:
    with suppress(OSError), Path("/dev/full").open("w") as full:  # it is flushed once more
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(NotShown, match="No space left on device") as failed:
            perform(False, ends(own), show)
    assert failed.value.exit_code == code
    assert failed.value.state == "the command itself came to its end (morphops-test)"


def test_its_progress_is_written_as_events(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def works(site: Site) -> Result:
        site.observer.step(1, 1, "work")
        return Result(state="done")

    path = tmp_path / "events.jsonl"
    perform(False, works, show, events=str(path))
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(event["event"], event["text"]) for event in told] == [
        ("step", "work"),
        ("result", "done"),
    ]
    assert "work" in capsys.readouterr().err
    perform(False, works, show, events="-")
    assert all(json.loads(line) for line in capsys.readouterr().err.splitlines())


@pytest.mark.parametrize(
    ("raised", "looks", "code", "what", "state"),
    [
        (KeyboardInterrupt(), True, 130, "interrupted", "nothing was changed"),
        (OSError(28, "No space left on device", "/x"), True, 3, "/x: No space left on device", ""),
        (OSError(28, "No space left on device"), False, 3, "No space left on device", ""),
        (PermissionError(13, "Permission denied", "/x"), True, 3, "/x", ""),
    ],
)
def test_what_nobody_expected(
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    looks: bool,
    code: int,
    what: str,
    state: str,
) -> None:
    @command(changes=not looks)
    def fails() -> None:
        raise raised

    with pytest.raises(Exit) as ended:
        fails()
    shown = capsys.readouterr().err
    assert ended.value.code == code
    assert what in shown
    assert (state or ("nothing was changed" if looks else "it stopped there")) in shown


def test_an_interruption_is_the_last_event(tmp_path: Path) -> None:
    @command
    def fails(events: str = "") -> None:
        raise KeyboardInterrupt

    path = tmp_path / "events.jsonl"
    with pytest.raises(Exit):
        fails(events=str(path))
    (told,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert (told["exit"], told["error"]) == (130, "Interrupted")


def test_pairs_of_names_and_values() -> None:
    assert pairs(["a=1", "b=x=y"], "--input", c="2", d="") == {"a": "1", "b": "x=y", "c": "2"}


@pytest.mark.parametrize("text", ["a", "=1", "a=", ""])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(InputError, match="write --input=NAME=VALUE"):
        pairs([text], "--input")
