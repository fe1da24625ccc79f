"""A lock on a file: one holder at a time, and none that is dead."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from morphops.adapters.store import file_lock
from morphops.errors import LockHeld, PreconditionError

HOLD = """
import sys, time
from pathlib import Path
from morphops.adapters.store import file_lock
with file_lock.lock(Path(sys.argv[1]), "deploy abc"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with (
        pytest.raises(LockHeld, match="another is under way already"),
        file_lock.lock(path, "another"),
    ):
        pytest.fail("two hold the lock")
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    with file_lock.lock(path, "another"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_lock_is_free_again_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(RuntimeError), file_lock.lock(path, "one"):
        raise RuntimeError
    with file_lock.lock(path, "two"):
        assert path.exists()


def test_a_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock.lock(path, "one"):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with file_lock.lock(path, "two"):
            assert child.poll() is None
    finally:
        child.communicate(b"\n")


@pytest.mark.parametrize("place", [".", "none/lock"])
def test_a_lock_that_cannot_be_opened(tmp_path: Path, place: str) -> None:
    with pytest.raises(PreconditionError, match="cannot use the lock"):
        file_lock.lock(tmp_path / place, "one").__enter__()
