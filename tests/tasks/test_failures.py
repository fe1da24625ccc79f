"""Each task hands its options to one use case, and tells its failure as text and as JSON."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from morphops import console, site, tasks
from morphops.errors import RolledBack
from tests.results import validate

# What a task cannot do without, and what makes it do nothing where it has no site.
NEEDS: dict[str, tuple[str, ...]] = {
    "approval.grant": ("no-telemetry", "--reason=x"),
    "approval.revoke": ("no-telemetry", "--reason=x"),
    "deploy": ("--image=sha256:" + "a" * 64,),
    "history.adopt": ("--reason=x",),
    "lock.break": ("--reason=x",),
    "prune": ("--keep=3",),
    "pull": ("--image=sha256:" + "a" * 64,),
    "release.pin": ("sha256:" + "a" * 64, "--reason=x"),
    "release.show": ("sha256:" + "a" * 64,),
    "release.unpin": ("sha256:" + "a" * 64,),
    "runbook.run": ("deploy", "--section=all"),
    "runbook.show": ("deploy",),
    "rollback": ("--reason=x",),
}


class Away:
    """A site of which nothing can be had: whatever asks it fails as a deploy does."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RolledBack("it broke", detail=("a line",), state="as before", hint="inv status")


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No site, no program to run, and tasks of this test's own: Invoke changes them."""
    monkeypatch.setattr(site, "open_site", lambda *_, **__: Away())
    monkeypatch.setattr(tasks, "ns", copy.deepcopy(tasks.ns))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`morphops …` in this process; its exit code."""

    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["morphops", *words])
        with pytest.raises(SystemExit) as ended:
            console.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


# These look at the machine, or for compose files, before they look at the site.
REPORTING = sorted({*tasks.ns.task_names} - {"host.check", "host.setup", "bundle.init"})


@pytest.mark.parametrize("task", REPORTING)
def test_a_failure_is_told_as_json(
    task: str, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(task, *NEEDS.get(task, ()), "--json") == RolledBack.EXIT
    shown = capsys.readouterr()
    view = json.loads(shown.out)
    validate("error", view)
    assert view["error"] == {
        "kind": "RolledBack",
        "what": "it broke",
        "detail": ["a line"],
        "state": "as before",
        "next": "inv status",
    }
    *progress, what, detail, state, then = shown.err.splitlines()
    assert (what, detail) == ("it broke", "  a line")
    assert (state, then) == ("state: as before", "next:  inv status")
    assert progress == []


def test_a_failure_is_told_as_text(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status") == RolledBack.EXIT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[0] == "it broke"
