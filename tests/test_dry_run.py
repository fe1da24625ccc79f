"""Invoke's dry run is none for these tasks, so each that changes something refuses it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

from morphops.tasks import ns
from tests import forked

DRY = Context(Config(overrides={"run": {"dry": True}}))


def calls(*, dry_is_refused: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each task that changes something, with the options with which it does, or does not."""
    for name in sorted(ns.task_names):
        body = ns[name].body
        traits = body.changes
        leads = name == "runbook.run"
        if not traits.changes and not leads:
            continue
        does = {traits.only: True} if traits.only else {}
        not_so = {traits.unless: True} if traits.unless else {}
        if dry_is_refused:
            yield name, does
        elif traits.only or traits.unless:
            yield name, not_so


@pytest.mark.parametrize(("name", "options"), [*calls(dry_is_refused=True)])
def test_a_task_that_changes_something_refuses_a_dry_run(
    name: str,
    options: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ns[name].body.__wrapped__.__globals__, "perform", never)
    with pytest.raises(Exit) as ended:
        ns[name].body(DRY, **options)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "a dry run" in said
    assert "nothing was changed" in said
    if name in ("deploy", "rollback"):
        assert "--plan" in said


@pytest.mark.parametrize(("name", "options"), [*calls(dry_is_refused=False)])
def test_what_changes_nothing_goes_on(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setitem(
        ns[name].body.__wrapped__.__globals__, "perform", lambda *a, **k: asked.append(True)
    )
    required: dict[str, Any] = {"image": []} if name == "deploy" else {}
    ns[name].body(DRY, **required, **options)
    assert asked == [True]


@pytest.mark.parametrize("words", [("--dry", "down"), ("down", "--dry"), ("-R", "down")])
def test_it_is_refused_wherever_it_stands(words: tuple[str, ...], tmp_path: Any) -> None:
    (tmp_path / "tasks.py").write_text("from morphops.tasks import ns\n")
    ended = forked.invoke(words, folder=tmp_path, environ={})
    assert ended.returncode == 2
    assert "a dry run" in ended.stderr


def never(*_: object, **__: object) -> None:
    raise AssertionError("it was done")
