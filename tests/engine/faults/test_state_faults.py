"""The state folder: a disk that is full, or becomes so.

What else may happen to it is met in memory (tests/operations/in_memory/test_state_folder.py).
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.engine.helpers import Release, assert_runs, containers, deploy
from tests.stacks import Inv, Result

pytestmark = pytest.mark.engine

PAGE = 4096  # what a tmpfs gives and takes
# `inv`, and when it has written so many entries of the history, the disk fills up.
AT_ENTRY = """
import os, sys
from invoke.main import program
from morphops.adapters.store.hash_chain import HashChain
at, folder = int(sys.argv.pop(1)), sys.argv.pop(1)
append, written = HashChain.append, []
def fill():
    with open(os.path.join(folder, "filler"), "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
def count(chain, entry, **more):
    written.append(append(chain, entry, **more))
    if len(written) == at:
        fill()
    return written[-1]
HashChain.append = count
sys.exit(program.run())
"""


def filled_up(inv: Inv, at: int, *words: str) -> Result:
    return inv.script(AT_ENTRY, str(at), str(inv.state), *words)


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
    for pages in range(0, 60, 6):
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


def test_the_disk_fills_up_in_the_middle(small: Inv, on_small: Callable[..., str]) -> None:
    """Nothing is begun that could not be recorded to its end, so it comes to its end."""
    at = 11  # a container was touched
    old, new, bad = on_small(), on_small(pair="v2"), on_small(front="wrong")
    deploy(small, old)
    done = filled_up(small, at, "deploy", f"--image={new}")
    assert done.code == 0, done
    assert_runs(small, new)
    full = small("deploy", f"--image={bad}")
    assert full.code == 3, full
    assert "free space" in full.err
    (small.state / "filler").unlink()
    undone = filled_up(small, at, "deploy", f"--image={bad}")
    assert undone.code == 4, undone
    assert_runs(small, new)
    assert small("audit.verify").code == 0
