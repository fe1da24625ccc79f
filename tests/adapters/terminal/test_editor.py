"""A person's editor: on a copy that is theirs alone, and that is gone whatever happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from morphops.adapters.terminal import editor
from morphops.errors import InputError, PreconditionError


def script(folder: Path, body: str) -> str:
    """An editor that does what a shell script says; `$1` is the file."""
    path = folder / "an editor"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return f"'{path}'"


def test_what_it_saves_comes_back_and_the_copy_is_gone(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    body = f'echo "$1" > {seen}; stat -c %a "$1" "$(dirname "$1")" >> {seen}; echo B=2 >> "$1"'
    edited = editor.edit("A=1\n", "prod.env", {"EDITOR": script(tmp_path, body)})
    assert edited == "A=1\nB=2\n"
    path, mode, folder_mode = seen.read_text().splitlines()
    assert (Path(path).name, mode, folder_mode) == ("prod.env", "600", "700")
    assert not Path(path).parent.exists()


def test_visual_comes_first_and_may_have_options(tmp_path: Path) -> None:
    visual = script(tmp_path, 'test "$1" = --wait && echo V >> "$2"') + " --wait"
    assert editor.edit("", "x", {"VISUAL": visual, "EDITOR": "false"}) == "V\n"


@pytest.mark.parametrize(
    ("environ", "error", "says"),
    [
        ({"EDITOR": "/no/such/editor"}, InputError, "cannot start the editor /no/such/editor"),
        ({"EDITOR": "false"}, PreconditionError, "ended with code 1"),
        ({"EDITOR": "rm"}, InputError, "no UTF-8 text"),
        ({"EDITOR": 'sh -c \'printf "\\377" > "$0"\''}, InputError, "no UTF-8 text"),
        ({"EDITOR": "sh -c 'unbalanced"}, InputError, "EDITOR"),
        ({"EDITOR": " "}, InputError, "EDITOR"),
        ({}, InputError, "EDITOR is not set, and stdin is not a terminal"),
    ],
)
def test_an_editor_that_does_not_do(
    environ: dict[str, str], error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.isatty", lambda handle: False)
    with pytest.raises(error, match=says):
        editor.edit("A=1\n", "x.env", environ)


def test_what_it_says_is_no_result(capfd: pytest.CaptureFixture[str]) -> None:
    """With `--json` there is one object on stdout, and no more."""
    assert editor.edit("A=1\n", "x.env", {"EDITOR": "sh -c 'echo hello'"}) == "A=1\n"
    assert capfd.readouterr() == ("", "hello\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_in_the_middle_it_leaves_no_copy(tmp_path: Path, number: int) -> None:
    seen = tmp_path / "seen"
    slow = script(tmp_path, f'echo "$1" > {seen}.part; mv {seen}.part {seen}; exec sleep 60')
    load = "from morphops.adapters.terminal import editor"
    run = f"{load}; editor.edit('A=1', 'x', {{'EDITOR': {slow!r}}})"
    process = subprocess.Popen(
        [sys.executable, "-c", run], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not seen.exists():
        assert process.poll() is None
        time.sleep(0.02)
    # A Ctrl-C is the editor's own business; this one has none.
    process.send_signal(signal.SIGINT)
    process.send_signal(number)
    _, err = process.communicate(timeout=600)
    assert "Interrupted" in err
    assert not Path(seen.read_text().strip()).exists()


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    editor.edit("", "x", {"EDITOR": "true"})
    assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
