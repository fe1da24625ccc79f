"""The command `morphops` does what `inv` does, in a folder without a tasks.py."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import morphops
from morphops.tasks import ns
from tests import forked

ROOT = Path(__file__).parents[1]
# The script that pip writes calls `main()` the same way; a checkout that was installed before the
# script was declared does not have it.
SCRIPT = "from morphops.console import main; main()"


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`morphops …`, in this folder."""
    ended = forked.run(SCRIPT, ("morphops", *words), folder=folder, environ=os.environ, timeout=600)
    return subprocess.CompletedProcess(("morphops", *words), *ended)


def inv(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`inv …` with a tasks.py, in a folder below this one."""
    project = folder / "with-tasks"
    project.mkdir()
    (project / "tasks.py").write_text("from morphops.tasks import ns\n")
    return forked.invoke(words, folder=project, environ=os.environ)


def test_the_list_names_every_task(tmp_path: Path) -> None:
    done = run(tmp_path, "--list")
    assert (done.returncode, done.stderr) == (0, "")
    listed = set(re.findall(r"^  ([a-z]+(?:\.[a-z]+)?)\b", done.stdout, re.MULTILINE))
    assert listed == set(ns.task_names)


def test_no_arguments_show_the_options_and_the_tasks(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0
    assert done.stdout == run(tmp_path, "--help").stdout
    assert done.stdout.startswith("Usage: morphops [--core-opts] <subcommand>")
    assert "approval.grant" in done.stdout
    assert "--search-root" not in done.stdout


def test_a_tasks_help_names_the_program(tmp_path: Path) -> None:
    done = run(tmp_path, "--help", "deploy")
    assert (done.returncode, done.stderr) == (0, "")
    usage, _, rest = done.stdout.partition("\n")
    assert usage == "Usage: morphops [--core-opts] deploy [--options] [other tasks here ...]"
    assert rest == inv(tmp_path, "--help", "deploy").stdout.partition("\n")[2]


def test_the_version(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"morphops {morphops.__version__}\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("status",), 2),  # no bundle
        (("status", "--json"), 2),
        (("prune", "--keep=0"), 2),  # not such a number
        (("deploy", "--imgae=x"), 1),  # Invoke's own parser
        (("deplyo",), 1),
    ],
)
def test_it_fails_as_inv_does(words: tuple[str, ...], code: int, tmp_path: Path) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == code, done
    there = inv(tmp_path, *words)
    assert there.returncode == code
    assert done.stdout == there.stdout.replace("/with-tasks", "")
    assert done.stderr == there.stderr.replace("/with-tasks", "")


def test_no_bundle_is_one_clear_message(tmp_path: Path) -> None:
    done = run(tmp_path, "status")
    what, *rest = done.stderr.splitlines()
    assert what.startswith(f"there is no ops/bundle.yaml or bundle.yaml in {tmp_path}")
    assert rest[-1].startswith("next:  ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "morphops.console", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"morphops {morphops.__version__}\n"


def test_importing_it_imports_no_task() -> None:
    script = (
        "import sys, morphops.console\n"
        "print([m for m in sys.modules if m.startswith(('invoke', 'morphops.tasks'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_script_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"morphops": "morphops.console:main"}


@pytest.mark.skipif(
    not entry_points(group="console_scripts", name="morphops"),
    reason="this checkout was installed before it had the script",
)
def test_the_script_is_installed(tmp_path: Path) -> None:
    (script,) = entry_points(group="console_scripts", name="morphops")
    assert script.load().__module__ == "morphops.console"
    done = subprocess.run(
        [Path(sys.executable).with_name("morphops"), "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"morphops {morphops.__version__}\n"


def test_a_bundle_is_made_and_read_where_there_is_no_tasks_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MORPHOPS_STATE", str(tmp_path / "state"))
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    (folder / "compose.yaml").write_text("services: {app: {image: app:1}}\n")
    made = run(folder, "bundle.init")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("bundle.yaml: made; project shop\n")
    assert made.stdout.endswith("  morphops deploy --image=sha256:…\n")
    # A second call, a named file, and a folder below.
    again = run(folder, "bundle.init", "compose.yaml", "--json")
    assert json.loads(again.stdout)["state"] == "as before"
    shown = run(folder / "src", "bundle.show", "--json")
    assert json.loads(shown.stdout)["bundle"]["images"] == {
        "app": {"services": ["app"], "source": "app:1"}
    }
    other = run(folder, "bundle.init", "--file=gone.yaml")
    assert other.returncode == 2
    assert "there is no such compose file" in other.stderr
