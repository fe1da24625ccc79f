"""Which run it is that `--resume` takes up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from morphops.adapters.store.hash_chain import HashChain
from morphops.adapters.terminal.prompt import Prompt
from morphops.core.runbook import parse, transcript
from morphops.core.runbook.model import Runbook
from morphops.errors import InputError, IntegrityError, PreconditionError
from morphops.operations.pipeline import secrets
from morphops.operations.runbook import check, run
from morphops.operations.runbook.runner import Runner
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import ROOT

WHO = {"user": "alice", "at": "2026-01-01T10:00:00+00:00"}
TEXT = "# Deploy\n\n## All\n\n### 1. Look\n\n```sh {name=look}\ninv status\n```\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    return open_site(Recorder(), environ)


def book(name: str) -> Runbook:
    return parse.parse(TEXT, name, f"{name}.md")


def stopped(site: Site, of: Runbook, section: str) -> Path:
    """A run that was begun, and is not over."""
    folder = run.new_folder(site, f"{of.name}-{section}")
    begin = {"runbook": of.name, "section": section, "digest": of.digest, "inputs": {}, **WHO}
    HashChain(folder / "transcript.jsonl").append({"entry": "begin", "id": 1, **begin})
    return folder


def test_one_of_another_runbook_is_none_of_this(site: Site) -> None:
    ours = stopped(site, book("deploy"), "all")
    stopped(site, book("re-deploy"), "all")
    folder, progress = run.last_stopped(site, book("deploy"), "all")
    assert folder == ours
    assert progress.begin["runbook"] == "deploy"


def test_names_that_come_to_the_same(site: Site) -> None:
    ours = stopped(site, book("deploy"), "all-of-it")
    theirs = stopped(site, book("deploy-all"), "of-it")
    assert run.last_stopped(site, book("deploy"), "all-of-it")[0] == ours
    assert run.last_stopped(site, book("deploy-all"), "of-it")[0] == theirs


def test_there_is_none(site: Site) -> None:
    stopped(site, book("re-deploy"), "all")
    with pytest.raises(PreconditionError, match="no run of deploy, all was stopped"):
        run.last_stopped(site, book("deploy"), "all")


@pytest.mark.parametrize("left", [None, b"", b'{"entry":"begin"', b"\0" * 40 + b"\n"])
def test_of_a_run_whose_record_is_gone_no_older_one_is_taken(
    site: Site, left: bytes | None
) -> None:
    """The older one would bring another release."""
    stopped(site, book("deploy"), "all")
    last = stopped(site, book("deploy"), "all") / "transcript.jsonl"
    last.unlink()
    if left is not None:
        last.write_bytes(left)
    with pytest.raises(IntegrityError, match="the record of the last run is gone") as refused:
        run.last_stopped(site, book("deploy"), "all")
    assert str(last) in refused.value.what
    assert "inv runbook.run deploy --section=all   (begins a new run)" in refused.value.hint


def test_a_run_of_another_runbook_that_lost_its_record_is_none_of_this(site: Site) -> None:
    ours = stopped(site, book("deploy"), "all")
    (stopped(site, book("re-deploy"), "all") / "transcript.jsonl").unlink()
    assert run.last_stopped(site, book("deploy"), "all")[0] == ours


def test_one_that_was_changed_since(site: Site) -> None:
    stopped(site, book("deploy"), "all")
    changed = replace(book("deploy"), digest="sha256:" + "0" * 64)
    with pytest.raises(InputError, match="was changed since the run began"):
        run.last_stopped(site, changed, "all")


def test_a_secret_is_no_input(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is resumed needs its inputs as they are, so they cannot be redacted."""

    def learn(site: Site) -> None:
        site.redact.learn(["s3cr3t-word"])

    monkeypatch.setattr(secrets, "learn_secrets", learn)
    request = run.Request(runbook="rollback", inputs={"reason": "new key s3cr3t-word"})
    with pytest.raises(InputError, match="reason holds a secret") as refused:
        run.run(site, request, Prompt(yes=True, signed_off={}))
    assert "s3cr3t" not in refused.value.message()
    assert not list(tmp_path.glob("runbooks/*"))


@pytest.mark.parametrize(
    ("there", "given", "says"),
    [
        (False, {}, "to is missing: a release"),
        (False, {"to": "0" * 12, "x": "y"}, "x is not an input of rollback"),
        (True, {}, ""),
        (False, {"to": "0" * 12}, ""),
        (False, {"to": "x"}, "to does not have the right form"),
        (False, {"to": "0" * 12, "reason": "another"}, "keeps the inputs that it has"),
    ],
)
def test_a_run_that_is_resumed_may_lack_an_input(
    site: Site, monkeypatch: pytest.MonkeyPatch, there: bool, given: dict[str, str], says: str
) -> None:
    """At a terminal it is asked for when a step needs it, and the run may have stopped before."""
    rollback = check.read(site, "rollback")
    folder = run.new_folder(site, "rollback-go-back-further")
    chain = HashChain(folder / "transcript.jsonl")
    begin = {"runbook": "rollback", "section": "go-back-further", "digest": rollback.digest}
    chain.append({"entry": "begin", **begin, "inputs": {"reason": "slow"}, **WHO})
    monkeypatch.setattr(secrets, "learn_secrets", lambda site: None)
    monkeypatch.setattr(Prompt, "there", there)
    monkeypatch.setattr(Runner, "procedure", lambda self, passed: dict(self.values))

    def resume() -> object:
        prompt = Prompt(yes=False, signed_off={})
        request = run.Request(
            runbook="rollback", section="go-back-further", inputs=given, resume=True
        )
        return run.run(site, request, prompt)

    if says:
        with pytest.raises(InputError, match=says) as refused:
            resume()
        assert refused.value.hint.startswith(f"{RUN} --resume")
        return
    assert resume() == {"reason": "slow", **given}
    progress = transcript.progress(chain.entries())
    assert progress is not None
    assert progress.inputs == {"reason": "slow", **given}
    assert isinstance(site.observer, Recorder)
    assert site.observer.lines == [
        "goes on with the run that alice began at 2026-01-01T10:00:00+00:00: reason=slow"
    ]


RUN = "inv runbook.run rollback --section=go-back-further"


@pytest.mark.parametrize(
    ("given", "options", "hint"),
    [
        ({"reason": "too slow"}, ("--yes",), f"{RUN} --yes '--reason=too slow' --input=to=…"),
        ({"to": "0" * 12}, (), f"{RUN} --reason=… --input=to={'0' * 12}"),
        ({"to": "x", "reason": "slow"}, (), f"{RUN} --reason=slow --input=to=…"),
        ({"to": "0" * 12, "reason": "x", "y": "z"}, (), f"{RUN} --reason=x --input=to={'0' * 12}"),
    ],
)
def test_what_is_advised_can_be_pasted(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    options: tuple[str, ...],
    hint: str,
) -> None:
    """It is the whole command with all that was right, and names what was not, and no more."""
    monkeypatch.setattr(secrets, "learn_secrets", lambda site: None)
    prompt = Prompt(yes="--yes" in options, signed_off={})
    request = run.Request(runbook="rollback", section="go-back-further", inputs=given)
    with pytest.raises(InputError) as refused:
        run.run(site, request, prompt)
    assert refused.value.hint == hint
    assert refused.value.state == "nothing was done"


@pytest.mark.parametrize("section", ["", "nope"])
def test_which_sections_there_are(site: Site, section: str) -> None:
    request = run.Request(runbook="maintenance", section=section)
    with pytest.raises(InputError) as refused:
        run.run(site, request, Prompt(yes=True, signed_off={}))
    assert refused.value.hint == "inv runbook.run maintenance --section=…"
    assert "--section=make-room   Make room" in refused.value.detail


def test_an_option_that_was_said_is_said_again() -> None:
    signed = Prompt(yes=True, signed_off={"copy": "A B"})
    assert signed.options == ("--yes", "'--sign-off=copy=A B'")
    assert Prompt(yes=False, signed_off={}).options == ()
