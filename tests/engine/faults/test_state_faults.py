"""The state folder: a disk that is full, or becomes so; a history with a torn or another line."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.helpers import Release, assert_runs, containers, deploy
from tests.stacks import Inv, Result

pytestmark = pytest.mark.engine

PAGE = 4096  # what a tmpfs gives and takes
# `inv`, and when it has written so many entries of the history, something happens to the disk.
AT_ENTRY = """
import os, resource, sys
from invoke.main import program
from morphops.adapters.store.hash_chain import HashChain
at, how, folder = int(sys.argv.pop(1)), sys.argv.pop(1), sys.argv.pop(1)
append, written = HashChain.append, []
def fill():
    with open(os.path.join(folder, "filler"), "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
def refuse():  # every line from now on is torn, and there is no room that was set aside
    size = os.path.getsize(os.path.join(folder, "history.jsonl"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, resource.RLIM_INFINITY))
def count(chain, entry, **more):
    written.append(append(chain, entry, **more))
    if len(written) == at:
        {"fill": fill, "refuse": refuse}[how]()
    return written[-1]
HashChain.append = count
sys.exit(program.run())
"""


def at_entry(inv: Inv, at: int, how: str, *words: str) -> Result:
    return inv.script(AT_ENTRY, str(at), how, str(inv.state), *words)


@pytest.fixture
def small(inv: Inv) -> Iterator[Inv]:
    """The project with its state folder on a disk of one megabyte."""
    folder = inv.folder / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "morphops-test", str(folder)]
    subprocess.run(mount, check=True)
    try:
        shutil.copy2(inv.state / "test.env", folder)
        yield dataclasses.replace(inv, state=folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def on_small(small: Inv, images: dict[str, str]) -> Callable[..., str]:
    return Release(small, images)


def room(inv: Inv, pages: int) -> None:
    """Leave just so many pages."""
    filler = inv.state / "filler"
    filler.unlink(missing_ok=True)
    free = shutil.disk_usage(inv.state).free
    filler.write_bytes(bytes(free - pages * PAGE))


def test_the_disk_is_full_before_it_begins(small: Inv, on_small: Callable[..., str]) -> None:
    old, new = on_small(), on_small(pair="v2")
    deploy(small, old)
    before = containers(small)
    codes = []
    # The files of a deployment and the room that is set aside: every amount that is too little.
    for pages in range(0, 60, 3):
        room(small, pages)
        done = small("deploy", f"--image={new}")
        codes.append(done.code)
        if done.code == 0:
            break
        assert done.code == 3, done
        assert "Traceback" not in done.err, done
        assert "space" in done.err, done
        assert containers(small) == before
        assert small("audit.verify", "--json").json["cut_off"] == 0
    assert codes[-1] == 0, codes
    assert len(codes) > 2, codes
    assert_runs(small, new)


@pytest.mark.parametrize("at", [3, 11])
def test_the_disk_fills_up_in_the_middle(small: Inv, on_small: Callable[..., str], at: int) -> None:
    """Nothing is begun that could not be recorded to its end, so it comes to its end."""
    old, new, bad = on_small(), on_small(pair="v2"), on_small(front="wrong")
    deploy(small, old)
    done = at_entry(small, at, "fill", "deploy", f"--image={new}")
    assert done.code == 0, done
    assert_runs(small, new)
    full = small("deploy", f"--image={bad}")
    assert full.code == 3, full
    assert "free space" in full.err
    (small.state / "filler").unlink()
    undone = at_entry(small, at, "fill", "deploy", f"--image={bad}")
    assert undone.code == 4, undone
    assert_runs(small, new)
    assert small("audit.verify").code == 0


@pytest.mark.long
def test_the_history_cannot_be_written_at_any_point(inv: Inv, release: Release) -> None:
    """It stops there, says so, and is finished or undone when it can be written again."""
    runs, other = release(), release(pair="v2", front="v2")
    deploy(inv, runs)
    ends = itertools.cycle(["resume", "abort"])
    for at in range(1, 100, 5):  # which kind of entry is torn next changes each time
        done = at_entry(inv, at, "refuse", "deploy", f"--image={other}")
        if done.code == 0:
            break
        assert "Traceback" not in done.err, done
        assert "cannot write" in done.err, done
        under_way = inv("status", "--json").json["under_way"]
        assert under_way["outcome"] == "", done
        # Which side it is on is not ours to say here; that both can be reached is.
        assert done.code in (3, 5), done
        end = next(ends)
        ended = inv(end)
        assert ended.code == 0, ended
        if end == "resume":
            runs, other = other, runs
        assert_runs(inv, runs)
    assert at > 10, "there were points in the middle"
    assert_runs(inv, other)
    assert inv("audit.verify").code == 0


def test_what_is_refused_to_be_resumed_stays_to_be_ended(inv: Inv, release: Release) -> None:
    old, new = release(), release(pair="v2", front="v2")
    deploy(inv, old)
    # The same steps come again: killed when the second wave was announced.
    entries = [json.loads(line) for line in (inv.state / "history.jsonl").read_text().splitlines()]
    steps = [entry["step"] for entry in entries if entry["entry"] == "step"]
    at = 1 + next(n for n, step in enumerate(steps) if step.startswith("start wave 2"))
    assert inv.killed(at, "deploy", f"--image={new}", kinds=["step"]).code == -9
    assert {row["created_by"] for row in inv("status", "--json").json["services"]} == {old, new}
    blob = inv.folder / "data" / "data.bin"
    whole = blob.read_bytes()
    blob.write_bytes(b"another")
    refused = inv("resume")
    assert refused.code == 3, refused
    assert "the operation is as it was" in refused.err
    assert inv("status", "--json").json["under_way"]["alive"] is False
    blob.write_bytes(whole)
    assert inv("abort").code == 0
    assert_runs(inv, old)


TORN = [b'{"entry":"step","id":1,"at"', b'{"entry":"begin","reason":"caf\xc3', b"\x00\x00\x00"]


def test_a_torn_last_line_is_no_entry(inv: Inv, release: Release) -> None:
    runs, other = release(), release(pair="v2")
    deploy(inv, runs)
    path = inv.state / "history.jsonl"
    for torn in TORN:
        whole = path.read_bytes()
        path.write_bytes(whole + torn)
        assert_runs(inv, runs)
        assert inv("audit.verify").code == 0
        deploy(inv, other)
        assert path.read_bytes().startswith(whole + b"{")
        assert torn not in path.read_bytes()
        runs, other = other, runs
    assert_runs(inv, runs)


def edited(lines: list[bytes]) -> list[bytes]:
    entry = json.loads(lines[1]) | {"step": "another"}
    return [lines[0], json.dumps(entry).encode(), *lines[2:]]


def dropped(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def moved(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[2], lines[1], *lines[3:]]


def torn_in_the_middle(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1][:30], *lines[2:]]


def test_another_line_is_refused_and_named(inv: Inv, release: Release) -> None:
    old, new = release(), release(pair="v2")
    deploy(inv, old)
    before = containers(inv)
    path: Path = inv.state / "history.jsonl"
    whole = path.read_bytes()
    tasks = (("status",), ("deploy", f"--image={new}"), ("down",), ("audit.verify",))
    for change in (edited, dropped, moved, torn_in_the_middle):
        path.write_bytes(b"\n".join([*change(whole.splitlines()), b""]))
        for words in tasks if change is edited else tasks[-1:]:
            refused = inv(*words)
            assert refused.code == 3, (change, refused)
            assert f"{path}:2: " in refused.err, (change, refused)
            assert "Traceback" not in refused.err, refused
    path.write_bytes(whole)
    assert containers(inv) == before
    assert_runs(inv, old)
    deploy(inv, new)
