"""A fork stands for an interpreter: it has everything already, and is a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests import forked
from tests.paths import ROOT

# Modules that a task imports itself although each one needs them: nothing but a few small ones.
IMPORTED = """
import json, sys
before = set(sys.modules)
sys.argv = ["inv", "history", "--json"]
from invoke.main import program
try:
    program.run(exit=False)
finally:
    new = set(sys.modules) - before
    print(json.dumps(sorted(name.partition(".")[0] for name in new)), file=sys.stderr)
"""


def test_it_has_imported_what_a_task_needs(tmp_path: Path) -> None:
    environ = {**os.environ, "MORPHOPS_STATE": str(tmp_path)}
    code, out, err = forked.run(IMPORTED, [""], folder=ROOT, environ=environ, timeout=600)
    assert code == 0, err
    assert json.loads(out)["operations"] == []
    found = set(json.loads(err.splitlines()[-1]))
    assert not found & {"morphops", "yaml", "pydantic", "python_on_whales", "requests", "rich"}


def test_one_that_was_started_is_read_while_it_runs_and_can_be_killed(tmp_path: Path) -> None:
    code = "import sys, time; print('up', sys.argv[1]); print('x', file=sys.stderr); "
    code += "sys.stdout.flush(); time.sleep(1000)"
    process = forked.start(code, ["", "word"], folder=tmp_path, environ=os.environ)
    assert process.stdout.readline() == "up word\n"
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)
    process.kill()
    assert process.communicate(600) == ("", "x\n")
    assert process.returncode == -signal.SIGKILL


def test_more_than_a_pipe_holds_is_read(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('e' * 300_000); sys.stdout.write('o' * 300_000)"
    process = forked.start(f"{code}; sys.exit(3)", [""], folder=tmp_path, environ=os.environ)
    out, err = process.communicate(600)
    assert (len(out), len(err), process.returncode) == (300_000, 300_000, 3)
