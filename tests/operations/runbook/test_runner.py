"""What a run of a runbook shows, asks, and says when it stops. The tasks are a small project's."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import process
from morphops.adapters.process import Ended
from morphops.adapters.store.hash_chain import HashChain
from morphops.adapters.terminal.prompt import Prompt
from morphops.core.runbook import parse, transcript
from morphops.errors import InputError, MorphopsError, StepFailed
from morphops.operations.runbook.runner import Runner
from morphops.settings import ENV_SHOW_TEXT
from morphops.site import Site, open_site
from tests import forked
from tests.fakes import Recorder
from tests.paths import ROOT

TASKS = """
import sys
from dataclasses import dataclass
from invoke import task
from morphops import errors
from morphops.cli import command, perform
from morphops.core.results.base import Result

@dataclass(frozen=True, kw_only=True)
class Found(Result):
    releases: int

@task
@command
def look(c, json=False):
    sys.stderr.write("looking\\n")
    found = Found(state="healthy", releases=3)
    perform(json, lambda site: found, lambda r, f: r.say(f"there are {f.releases} releases"))

@task
@command
def fail(c, code=4, why="", json=False):
    raise errors.StepFailed(
        "front is unhealthy",
        code=code,
        state="what ran before runs again",
        hint="inv status; inv history",
        detail=("last log lines of front:", "  no s3cr3t-word"),
    )

@task
@command
def mute(c):
    raise errors.StepFailed("only for eyes", code=2)
"""
FRONT = """---
inputs:
  reason: {about: why}
---
# A book

## All

Read [this](#all) first.
"""


def step(name: str, command: str, *expect: str, **attributes: str) -> str:
    """A step of a runbook, as people write it."""
    more = " ".join(f"{key.replace('_', '-')}={value}" for key, value in attributes.items())
    expects = "\n".join(f"- {line}" for line in expect or ("exit: 0",))
    kind = "text" if attributes.get("task") == "manual" else "sh"
    fence = f"```{kind} {{name={name} {more}}}\n{command}\n```"
    return f"\n### {name}\n\n{fence}\n\nExpect:\n\n{expects}\n"


Make = Callable[..., Runner]
INTERPRETER = process.invoke


def invoke(
    words: Sequence[str], *, folder: Path, timeout: float, say: Callable[[str], None]
) -> Ended:
    """As `process.invoke`, without the start of an interpreter; the tests of that start one."""
    environ = {**os.environ, ENV_SHOW_TEXT: "1"}
    done = forked.invoke(words, folder=folder, environ=environ, timeout=timeout)
    progress = tuple(done.stderr.splitlines())
    for line in progress:
        say(line)
    return Ended(done.returncode, done.stdout, progress)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(process, "invoke", invoke)
    (tmp_path / "tasks.py").write_text(TASKS)
    (tmp_path / "ops").mkdir()
    (tmp_path / "ops/bundle.yaml").write_bytes((ROOT / "ops/bundle.yaml").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MORPHOPS_BUNDLE", raising=False)
    monkeypatch.setenv("MORPHOPS_STATE", str(tmp_path))
    return open_site(Recorder())


@pytest.fixture
def make(site: Site, tmp_path: Path) -> Make:
    """A run that has begun."""

    def make(*steps: str, prompt: Prompt | None = None, **values: str) -> Runner:
        book = parse.parse(FRONT + "".join(steps), "book", "book.md")
        assert not book.findings, book.findings
        prompt = prompt or Prompt(yes=True, signed_off={})
        runner = Runner(site, book, "all", values, prompt, HashChain(tmp_path / "transcript.jsonl"))
        runner.begin()
        return runner

    return make


def results(runner: Runner) -> list[dict[str, Any]]:
    return [entry for entry in runner.chain.entries() if entry["entry"] == "result"]


@pytest.mark.parametrize(
    ("expect", "own"),
    [("exit: 0", False), ("json: state == 'healthy'", False), ("json: state == 'healthy'", True)],
    ids=["exit", "json", "json, in its own interpreter"],
)
def test_what_a_step_found_is_shown_and_kept(
    make: Make, site: Site, monkeypatch: pytest.MonkeyPatch, expect: str, own: bool
) -> None:
    if own:
        monkeypatch.setattr(process, "invoke", INTERPRETER)
    runner = make(step("look", "inv look", expect, "see: how many there are"))
    runner.procedure(frozenset())
    assert isinstance(site.observer, Recorder)
    for lines in (site.observer.lines, results(runner)[0]["output"]):
        assert "there are 3 releases" in lines
        assert "looking" in lines
        assert not any("{" in line for line in lines)


def test_a_secret_in_what_it_found_is_not(make: Make, site: Site) -> None:
    site.redact.learn(["3 releases"])
    runner = make(step("look", "inv look"))
    runner.procedure(frozenset())
    assert isinstance(site.observer, Recorder)
    for lines in (site.observer.lines, results(runner)[0]["output"]):
        assert "there are REDACTED" in lines


class Says(Prompt):
    """Somebody who answers, in this order; the last answer is for whatever comes after."""

    def __init__(self, *answers: bool | MorphopsError) -> None:
        super().__init__(yes=False, signed_off={})
        self.answers, self.asked = list(answers), list[str]()
        self.said: list[str] = []

    def confirm(self, question: str, *, changes: bool) -> bool:
        self.asked.append(question)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, MorphopsError):
            raise answer
        return answer

    def answer(self, question: str) -> str:
        self.asked.append(question)
        return self.said.pop(0)

    def sign_off(self, step: str, what: str) -> str:
        raise InputError(f"step {step} is done by a person: {what}")


FAILS = step("first", "inv fail", on_fail="then")


def test_what_was_done_because_another_failed_is_done_again_in_its_turn(make: Make) -> None:
    runner = make(FAILS, step("then", "inv look"))
    with pytest.raises(StepFailed):
        runner.procedure(frozenset())
    assert [entry["on_fail_of"] for entry in results(runner)] == ["", "first"]
    assert results(runner)[1]["passed"]
    progress = transcript.progress(runner.chain.entries())
    assert progress is not None
    assert progress.passed == frozenset()
    report = runner.chain.path.with_name("report.md").read_text()
    assert "## 2. Because first failed, then: passed\n" in report


@pytest.mark.parametrize(
    ("then", "answers", "second"),
    [
        (step("then", "inv look"), (True, False), ""),
        (step("then", "inv look"), (True, InputError("nobody is there")), "nobody is there"),
        (step("then", "inv fail --code=5"), (True,), "step then failed"),
        (step("then", "Tell her.", task="manual", when="failure"), (True,), "done by a person"),
    ],
)
def test_the_first_failure_is_the_one_that_counts(
    make: Make, then: str, answers: tuple[bool | MorphopsError, ...], second: str
) -> None:
    runner = make(FAILS, then, prompt=Says(*answers))
    with pytest.raises(StepFailed, match="step first failed") as failed:
        runner.procedure(frozenset())
    assert failed.value.exit_code == 4
    told = [line for line in failed.value.detail if line.startswith("and then: ")]
    assert len(told) == bool(second)
    assert all(second in line for line in told)


def test_what_a_failure_leads_to_is_asked_for_once(make: Make) -> None:
    prompt = Says(True)
    with pytest.raises(StepFailed):
        make(FAILS, step("then", "inv look"), prompt=prompt).procedure(frozenset())
    assert prompt.asked == ["run inv fail ?", "run the step then now?"]


def test_a_question_shows_no_secret(make: Make, site: Site) -> None:
    site.redact.learn(["s3cr3t-word"])
    prompt = Says(False)
    with pytest.raises(StepFailed, match="was not agreed to"):
        make(step("look", "inv look --x=$reason"), prompt=prompt, reason="s3cr3t-word").procedure(
            frozenset()
        )
    assert prompt.asked == ["run inv look --x=REDACTED ?"]


@pytest.mark.parametrize("mutates", ["true", "false"])
@pytest.mark.parametrize("as_on_fail", [True, False])
def test_enter_agrees_to_nothing_that_changes_something(
    make: Make, monkeypatch: pytest.MonkeyPatch, mutates: str, as_on_fail: bool
) -> None:
    """The step is the first one; or the one that a failure leads to, after a yes to the first."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr("sys.stdin", os.fdopen(theirs))
    os.write(ours, b"y\n\n" if as_on_fail else b"\n")
    steps = [step("look", "inv look", mutates=mutates)]
    if as_on_fail:
        steps.insert(0, step("first", "inv fail", on_fail="look"))
    runner = make(*steps, prompt=Prompt(yes=False, signed_off={}))
    with suppress(StepFailed):
        runner.procedure(frozenset())
    done = [entry["step"] for entry in results(runner)]
    assert ("look" in done) == (mutates == "false")
    os.close(ours)


def test_an_input_is_asked_for_when_it_is_needed(make: Make, site: Site) -> None:
    """An earlier step shows what to say."""
    site.redact.learn(["s3cr3t-word"])
    prompt = Says(True)
    prompt.said = ["", "--plan", "s3cr3t-word", "for a reason"]
    uses = step("uses", 'inv fail --code=4 --why="$reason"')
    runner = make(step("look", "inv look"), uses, prompt=prompt)
    with pytest.raises(StepFailed, match="step uses failed"):
        runner.procedure(frozenset())
    assert prompt.asked == [
        "run inv look ?",
        *["reason (why)"] * 4,
        "run inv fail --code=4 '--why=for a reason' ?",
    ]
    progress = transcript.progress(runner.chain.entries())
    assert progress is not None
    assert progress.inputs == {"reason": "for a reason"}
    assert "| input reason | for a reason |" in runner.chain.path.with_name("report.md").read_text()
    assert "s3cr3t" not in runner.chain.path.read_text()


def test_the_last_words_are_those_of_the_step_that_failed(make: Make, site: Site) -> None:
    """What went back by itself is not brought again before somebody mended it."""
    site.redact.learn(["s3cr3t-word"])
    runner = make(step("first", 'inv fail --why="$reason"'), reason="a new one")
    with pytest.raises(StepFailed) as failed:
        runner.procedure(frozenset())
    err = failed.value
    assert err.what == "step first failed: front is unhealthy"
    assert err.detail == (
        "expected exit: 0, got exit: 4",
        "last log lines of front:",
        "  no REDACTED",
    )
    report = runner.chain.path.with_name("report.md")
    assert err.state == f"what ran before runs again; the run is stopped; its report: {report}"
    assert err.hint == (
        "inv status; inv history; fix the cause, then begin again: "
        "inv runbook.run book --section=all --reason=…   (--resume tries the same again)"
    )
    assert runner.chain.entries()[-1]["outcome"] == f"stopped: {err.what}"


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("inv fail --code=3", "inv status; inv history; then inv runbook.run book --"),
        ("inv mute", "inv runbook.run book --section=all --resume"),
    ],
)
def test_what_changed_nothing_goes_on_where_it_stopped(make: Make, command: str, hint: str) -> None:
    with pytest.raises(StepFailed, match="step first failed") as failed:
        make(step("first", command)).procedure(frozenset())
    assert failed.value.hint.startswith(hint)
    assert failed.value.hint.endswith(" --resume")


def test_what_the_runbook_says_is_read_before_the_question(make: Make, site: Site) -> None:
    """And it stands in the report. A command is shown once: in the question, where there is one."""
    look = step("1. Look", "inv look").replace("name=1. Look", "name=look")
    look = look.replace("```sh", "Only *then*.\n\n```sh").replace("exit: 0", "see: [it](#all)")
    fails = step("2. Fail", "inv fail").replace("name=2. Fail", "name=fail on-fail=bad")
    bad = step("If it failed", "inv look").replace("name=If it failed", "name=bad when=failure")
    bad = bad.replace("```sh", "Call her.\n\n```sh")
    runner = make(look, fails, bad, "\n### Left\n\nAt last.\n")
    with pytest.raises(StepFailed):
        runner.procedure(frozenset())
    assert isinstance(site.observer, Recorder)
    assert site.observer.lines == [
        "Read this (section all) first.",
        "1/2 Look",
        "Only then.",
        "inv look",
        "looking",
        "there are 3 releases",
        "look: it (section all)",
        "2/2 Fail",
        "inv fail",
        *("front is unhealthy", "  last log lines of front:", "    no s3cr3t-word"),
        *("state: what ran before runs again", "next:  inv status; inv history"),
        "step fail failed: front is unhealthy; on failure: inv look",
        "Call her.",
        "looking",
        "there are 3 releases",
    ]
    report = runner.chain.path.with_name("report.md").read_text()
    assert "\n\n> Read this (section all) first.\n\n## 1. Look: passed\n\n> Only then.\n" in report
    assert "## 3. Because fail failed, bad: passed\n\n> Call her.\n\n```sh\ninv look" in report
    assert "At last." not in report


def test_what_a_section_says_at_its_end_comes_when_it_passed(make: Make, site: Site) -> None:
    prompt = Says(True)
    runner = make(step("look", "inv look"), "\n### Left\n\nAt last.\n", prompt=prompt)
    runner.procedure(frozenset())
    assert isinstance(site.observer, Recorder)
    assert site.observer.lines[-3:] == ["Left", "", "At last."]
    assert "inv look" not in site.observer.lines
    report = runner.chain.path.with_name("report.md").read_text()
    assert report.endswith("\n> Left\n>\n> At last.\n")


HAND = "### hand\n\n```text {name=hand task=manual}\nSee to it,\nwholly.\n```\n"


@pytest.mark.parametrize(
    ("steps", "yes", "what", "options"),
    [
        (
            step("look", "inv look"),
            False,
            "cannot ask, because stdin is not a terminal: run inv look ?",
            "--yes",
        ),
        (HAND, True, "step hand is done by a person: See to it, wholly.", "--yes --sign-off=hand="),
        (
            HAND,
            False,
            "cannot ask, because stdin is not a terminal: step hand",
            "--yes --sign-off=hand=",
        ),
    ],
)
def test_what_answers_a_question_is_one_whole_command(
    make: Make, monkeypatch: pytest.MonkeyPatch, steps: str, yes: bool, what: str, options: str
) -> None:
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        with pytest.raises(InputError) as refused:
            make(steps, prompt=Prompt(yes=yes, signed_off={})).procedure(frozenset())
    assert refused.value.what == what
    hint = refused.value.hint.removesuffix("NAME")
    assert hint == f"inv runbook.run book --section=all --resume {options}"
