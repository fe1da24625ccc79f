"""Exit codes, messages, JSON; and what `inv --list` does not import."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from morphops import errors
from morphops.errors import MorphopsError
from morphops.tasks import ns

ROOT = Path(__file__).parents[1]
TASKS = """
from invoke import task
from morphops import errors
from morphops.cli import command, perform

@task
@command
def fail(c, kind="", json=False):
    if kind == "KeyboardInterrupt":
        raise KeyboardInterrupt
    more = {"signum": 15} if kind == "Interrupted" else {"detail": ("a line",)}
    raise getattr(errors, kind)("it broke", state="as before", hint="inv status", **more)
"""


def inv(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "invoke", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("InputError", 2),
        ("ConfigError", 2),
        ("LockHeld", 3),
        ("RegistryError", 3),
        ("RolledBack", 4),
        ("RollbackFailed", 5),
        ("DriftFound", 6),
        ("Interrupted", 143),
        ("KeyboardInterrupt", 130),
    ],
)
def test_exit_codes(tmp_path: Path, kind: str, code: int) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    done = inv(tmp_path, "fail", f"--kind={kind}")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    if kind != "KeyboardInterrupt":
        told = done.stderr.splitlines()
        assert told[0] == "it broke"
        assert told[-2:] == ["state: as before", "next:  inv status"]


def test_a_failure_as_json(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    done = inv(tmp_path, "fail", "--kind=RolledBack", "--json")
    assert done.returncode == 4
    assert json.loads(done.stdout) == {
        "state": "failed",
        "exit": 4,
        "error": {
            "kind": "RolledBack",
            "what": "it broke",
            "detail": ["a line"],
            "state": "as before",
            "next": "inv status",
        },
    }


def test_every_error_has_a_code_of_the_table() -> None:
    table = errors.__doc__ or ""
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    codes = {c.exit_code for c in classes if issubclass(c, MorphopsError)}
    assert codes == {1, 2, 3, 4, 5, 6}
    assert all(f"|    {code} |" in table for code in codes)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['inv', '--list']\n"
        "from invoke.main import program\n"
        "try: program.run()\n"
        "except SystemExit: pass\n"
        "heavy = {'python_on_whales', 'rich', 'pydantic', 'requests', 'oras', 'jmespath'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "release.create" in done.stdout
    assert done.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize("name", sorted(ns.task_names))
def test_every_option_is_explained(name: str) -> None:
    task = ns[name]
    assert task.__doc__
    for argument in task.get_arguments():
        assert argument.help, f"{name}: {argument.name}"


@pytest.mark.parametrize("path", [*ROOT.glob("morphops/**/*.py"), *ROOT.glob("*.md")], ids=str)
def test_every_command_that_is_named_exists(path: Path) -> None:
    named = re.findall(r"(?<=[`\" /])inv ([a-z]+(?:\.[a-z]+)?)\b", path.read_text())
    assert set(named) <= {*ns.task_names, "history"}


def test_no_bundle_here(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from morphops.tasks import ns\n")
    done = inv(tmp_path, "status")
    assert done.returncode == 2
    assert "there is no ops/bundle.yaml" in done.stderr
