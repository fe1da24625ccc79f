"""Exit codes, messages, JSON; and what `inv --list` does not import."""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invoke.parser import Parser

from morphops import errors
from morphops.adapters.invoke_tasks import InvokeTasks
from morphops.errors import MorphopsError
from morphops.report.console import Reporter
from morphops.tasks import ns
from tests import forked
from tests.paths import ROOT
from tests.results import validate

TASKS = """
from invoke import task
from morphops import errors
from morphops.cli import command, perform
from morphops.core.results.base import Result

def done(exit=0):
    return Result(state="healthy", exit=exit)

@task
@command
def fail(c, kind="", json=False):
    if kind == "KeyboardInterrupt":
        raise KeyboardInterrupt
    more = {"signum": 15} if kind == "Interrupted" else {"detail": ("a line",)}
    raise getattr(errors, kind)("it broke", state="as before", hint="inv status", **more)

@task
@command
def show(c, json=False, exit=0):
    perform(json, lambda site: done(exit), lambda r, v: r.say(v.state))

@task
@command
def child(c, json=False):
    import pathlib, subprocess
    with pathlib.Path("kept").open("w") as kept:
        kept.write("ours ")
        kept.flush()
        subprocess.run(["sh", "-c", "echo theirs; echo theirs >&2; cat"], check=True)
    perform(json, lambda site: done(), lambda r, v: r.say(v.state))

@task
@command
def full(c, json=False):
    raise OSError(28, "No space left on device", "/tmp/x")

@task
@command(changes=True)
def change(c, json=False):
    raise OSError(28, "No space left on device", "/tmp/x")

@task
@command(leads=True)
def lead(c, json=False):
    raise OSError(28, "No space left on device", "/tmp/x")
"""


def inv(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return forked.invoke(words, folder=folder, environ=os.environ)


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


def test_a_ctrl_c_before_anything_begins_is_told_as_json(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    done = inv(tmp_path, "fail", "--kind=KeyboardInterrupt", "--json")
    assert done.returncode == 130
    view = json.loads(done.stdout)
    assert (view["state"], view["exit"], view["error"]["kind"]) == ("failed", 130, "Interrupted")
    assert view["error"]["state"] == "nothing was changed"
    assert done.stderr.splitlines() == ["interrupted", "state: nothing was changed"]


def test_a_failure_as_json(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    done = inv(tmp_path, "fail", "--kind=RolledBack", "--json")
    assert done.returncode == 4
    view = json.loads(done.stdout)
    validate("error", view)
    assert view == {
        "schema": 1,
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
    codes = {c.EXIT for c in classes if issubclass(c, MorphopsError)}
    assert codes == {1, 2, 3, 4, 5, 6}
    assert all(f"|    {code} |" in table for code in codes)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['inv', '--list']\n"
        "from invoke.main import program\n"
        "try: program.run()\n"
        "except SystemExit: pass\n"
        "heavy = {'python_on_whales', 'rich', 'pydantic', 'requests', 'urllib3', 'jmespath'}\n"
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
    for argument in copy.deepcopy(task).get_arguments():
        assert argument.help, f"{name}: {argument.name}"


@pytest.mark.parametrize("name", sorted(ns.task_names))
def test_no_option_has_a_short_form_that_means_another_thing_elsewhere(name: str) -> None:
    task = ns[name]
    names = [name for argument in copy.deepcopy(task).get_arguments() for name in argument.names]
    assert [name for name in names if len(name) == 1] == []


def test_no_task_is_taken_for_another() -> None:
    """Of two calls in one line Invoke leaves one out, where the tasks' own names are the same."""
    tasks = [ns[name] for name in ns.task_names]
    assert all(one != other for one, other in itertools.combinations(tasks, 2))


@pytest.mark.parametrize("path", [*ROOT.glob("morphops/**/*.py"), *ROOT.glob("*.md")], ids=str)
def test_every_command_that_is_named_exists(path: Path) -> None:
    named = re.findall(r"(?<=[`\" /])inv ([a-z]+(?:\.[a-z]+)?)\b", path.read_text())
    assert set(named) <= {*ns.task_names, "history"}


CATALOGUE = InvokeTasks(ns)
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "ops/README.md",
    "ops/services/README.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md")),
]


def command_lines(text: str) -> list[str]:
    """Every `inv …` of a document: lines in fences, and code within the text."""
    fences = re.findall(r"^ *```\w*[^\n]*\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line for fence in fences for line in fence.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    # In the text, a task without anything is a name: see above.
    inline = [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose)]
    lines += [code for code in inline if code.count(" ") > 1]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    found = [re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?inv (.*)", part) for part in parts]
    return [match[1] for match in found if match]


@pytest.mark.parametrize(
    ("document", "line"),
    [(name, line) for name in DOCUMENTS for line in command_lines((ROOT / name).read_text())],
)
def test_every_command_line_of_the_documents_parses(document: str, line: str) -> None:
    line = re.sub(r"<[^>]*>", "…", line.partition("──")[0])  # `<12 digits>`: what one puts there
    words = shlex.split(line, comments=True)
    if words[0].startswith("-"):  # a question to Invoke itself
        return
    assert CATALOGUE.read(words).task


def test_no_bundle_here(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from morphops.tasks import ns\n")
    done = inv(tmp_path, "status")
    assert done.returncode == 2
    assert "there is no ops/bundle.yaml" in done.stderr


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("approval.grant", "no-telemetry", "--reason=x"), "name"),
        (("approval.grant", "--name=no-telemetry", "--reason=x"), "name"),
        (("approval.revoke", "--reason=x", "no-telemetry"), "name"),
        (("runbook.verify", "no-telemetry", "--json"), "transcript"),
        (("runbook.verify", "--transcript=no-telemetry"), "transcript"),
        (("release.pin", "no-telemetry"), "digest"),
    ],
)
def test_what_a_task_is_about_stands_behind_it(
    words: tuple[str, ...], option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["inv", *words])
    (call,) = Parser(contexts=copy.deepcopy(ns).to_contexts()).parse_argv(list(words))
    assert call.args[option].value == "no-telemetry"


def test_an_approval_names_its_invariant(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from morphops.tasks import ns\n")
    done = inv(tmp_path, "approval.grant", "--reason=x")
    assert (done.returncode, "'name'" in done.stderr) == (1, True), done


@pytest.mark.parametrize(
    ("words", "least"),
    [
        (("prune", "--keep=x"), 1),
        (("prune", "--keep=0"), 1),
        (("history", "--limit=1.5"), 1),
        (("history", "--limit=0"), 1),
        (("audit.show", "--operation=abc"), 0),
        (("audit.show", "--limit=-1"), 1),
        (("logs", "--tail=0"), 1),
        (("down", "--wait-lock=-1"), 0),
        (("down", "--wait-lock=" + "9" * 5000), 0),
        (("down", "--wait-lock=1_0"), 0),
    ],
)
def test_what_is_no_such_number_is_refused_by_its_name(words: tuple[str, str], least: int) -> None:
    """In a runbook too."""
    with pytest.raises(ValueError, match=f"^{re.escape(words[1])}: write .*, {least} or more$"):
        InvokeTasks(ns).read(words)


def test_a_number_that_is_none_as_json(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("from morphops.tasks import ns\n")
    done = inv(tmp_path, "prune", "--keep=0", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert (error["what"], error["state"]) == (
        "--keep=0: write a whole number, 1 or more",
        "nothing was changed",
    )


def test_a_number_that_is_not_given_is_the_default() -> None:
    numbers = {name: ns[name].body.numbers.of({}) for name in ns.task_names}
    assert numbers["prune"] == {"keep": None, "wait_lock": 0}
    assert numbers["logs"] == {"tail": 50}
    assert ns["prune"].body.numbers.of({"keep": "2", "wait_lock": "0"}) == {
        "keep": 2,
        "wait_lock": 0,
    }


def test_the_help_says_what_a_number_is_that_is_not_given() -> None:
    for name in ns.task_names:
        arguments = {a.name: a for a in copy.deepcopy(ns[name]).get_arguments()}
        for option, default in ns[name].body.numbers.defaults.items():
            if default:
                assert f"(default: {default})" in (arguments[option].help or "")


def test_nobody_who_reads_is_no_reason_to_stop() -> None:
    """`inv deploy 2>&1 | tee log`, and Ctrl-C ends `tee` as well: going back must go on."""
    script = """
import sys
from morphops.errors import GateFailed
from morphops.report.console import Reporter
reporter = Reporter()
sys.stdin.read()  # until nobody reads any more
for _ in range(3):
    reporter.step(1, 2, "x" * 100_000)
    reporter.note("y")
    reporter.undoing(GateFailed("z"))
print("went on", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.close()
    out, _ = process.communicate("")
    assert (process.returncode, out) == (0, "went on\n")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    shutil.copytree(ROOT / "tests" / "stack", tmp_path / "ops")
    return tmp_path


def redirected(project: Path, words: str, to: str, *, real: bool) -> tuple[int, str, str]:
    """Run `inv` as a shell does that redirects its streams.

    Args:
        project: where.
        words: of the command line.
        to: redirections; those of descriptors that are closed, or of `/dev/full`.
        real: in an interpreter of its own, for what happens when one starts and ends.

    Returns:
        the exit code, and what came out on stdout and stderr.
    """
    if real:
        command = f"{sys.executable} -m invoke {words} </dev/null {to}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=project, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout, done.stderr
    code = "import os, sys\n"
    for one in to.split():
        number = {"<": 0, ">": 1, "2": 2}[one[0]]
        if one.endswith("&-"):  # an interpreter that starts so has no such stream
            name = ("stdin", "stdout", "stderr")[number]
            code += f"os.close({number}); sys.{name} = sys.__{name}__ = None\n"
        else:
            code += f"os.dup2(os.open({one.partition('>')[2]!r}, os.O_WRONLY), {number})\n"
    argv = forked.invoke_argv(words.split())
    return forked.run(code + forked.INVOKE, argv, folder=project, environ=os.environ, timeout=60)


@pytest.mark.parametrize(
    ("options", "own", "code", "real"),
    [("", 0, 1, True), ("", 6, 6, False), (" --json", 0, 1, False), (" --json", 6, 6, False)],
)
def test_a_result_that_cannot_be_written(
    project: Path, options: str, own: int, code: int, real: bool
) -> None:
    """What was done is done; that nobody could be told is a failure all the same."""
    words = f"show --exit={own}{options}"
    ended, _, err = redirected(project, words, ">/dev/full", real=real)
    assert ended == code
    assert err.splitlines() == [
        "the result could not be written: No space left on device",
        "state: the command itself came to its end (healthy)",
        "next:  inv status; inv history",
    ]


@pytest.mark.parametrize(
    ("options", "to", "real"),
    [
        ("", ">/dev/full", False),
        ("", ">/dev/full 2>/dev/full", True),
        (" --json", ">/dev/full", False),
        (" --json", ">/dev/full 2>/dev/full", False),
    ],
)
def test_a_failure_that_cannot_be_written_keeps_its_exit_code(
    project: Path, options: str, to: str, real: bool
) -> None:
    ended, _, err = redirected(project, f"fail --kind=RolledBack{options}", to, real=real)
    assert ended == 4
    assert "Traceback" not in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("words", "code", "out", "err"),
    [
        ("show --exit=6 --json", 6, '"exit": 6', ""),
        ("fail --kind=RolledBack --json", 4, '"kind": "RolledBack"', "it broke"),
        ("child", 0, "theirs\nhealthy\n", "theirs\n"),
    ],
)
def test_a_stream_that_is_closed_goes_nowhere(
    project: Path, words: str, code: int, out: str, err: str, closed: str
) -> None:
    """And what is opened next does not get its number, and with it what a child writes."""
    real = words == "child" and closed == "<&- >&- 2>&-"
    ended, stdout, stderr = redirected(project, words, closed, real=real)
    assert ended == code, (stdout, stderr)
    assert "Traceback" not in stderr
    assert stdout == "" if ">&-" in closed.split() else out in stdout
    assert stderr == "" if "2>&-" in closed else err in stderr
    if words == "child":
        assert (project / "kept").read_text() == "ours "


def test_who_stops_reading_hears_no_more(project: Path) -> None:
    command = f"{sys.executable} -m invoke show --json 2>err | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=project, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
    assert (project / "err").read_text() == ""


@pytest.mark.parametrize(
    ("task", "state", "then"),
    [
        ("full", "nothing was changed", "inv host.check"),
        ("change", "it stopped there; what it had done until then stays", "inv status"),
        ("lead", "it stopped there; what it had done until then stays", "inv status"),
    ],
)
def test_what_the_machine_refuses_and_nobody_expected(
    project: Path, task: str, state: str, then: str
) -> None:
    done = inv(project, task, "--json")
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[0] == "/tmp/x: No space left on device"
    error = json.loads(done.stdout)["error"]
    assert (error["state"], error["next"]) == (state, then)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("env.check", "--env-file=~nosuch/x"), "~nosuch/x: Could not determine home directory"),
        (("env.init", "~nosuch/x"), "~nosuch/x: Could not determine home directory"),
        (("env.init", "x", "--source=~nosuch/x"), "~nosuch/x: Could not determine home directory"),
        (("env.init", "x.age", "--source=~nosuch/x"), "~nosuch/x: Could not determine"),
        (("env.init", "--path=--nonsense"), "'--nonsense' begins with a dash"),
    ],
)
def test_a_path_that_is_none(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], says: str
) -> None:
    (project / "tasks.py").write_text("from morphops.tasks import ns\n")
    monkeypatch.setenv("MORPHOPS_BUNDLE", str(ROOT / "ops" / "bundle.yaml"))
    monkeypatch.setenv("MORPHOPS_STATE", str(project / "state"))
    done = inv(project, *words)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert not (project / "--nonsense").exists()
    assert not (project / "x").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("---\nmain: a\n---\n# Title\n\nfirst\n\n---\n\nlast\n", ["Title", "first", "last"]),
        (
            "# Title\n\nfirst\n\n---\n\nsecond\n\n---\n\nlast\n",
            ["Title", "first", "second", "last"],
        ),
        ("# Title\n", ["Title"]),
    ],
)
def test_only_what_stands_at_the_start_is_front_matter(text: str, shown: list[str]) -> None:
    from rich.console import Console

    reporter, out = Reporter(), io.StringIO()
    reporter.__dict__["_out"] = Console(file=out, force_terminal=True, width=80)
    reporter.markdown(text)
    assert [word for word in (*shown, "main") if word in out.getvalue()] == shown
