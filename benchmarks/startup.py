"""What `inv --list` costs here, against a tasks.py with one empty task. Target: at most 1.2 times.

Run it in a checkout: `python benchmarks/startup.py`. Both are measured alternately in one run, so
that what else the machine does falls on both; the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 25
EMPTY = 'from invoke import task\n\n\n@task\ndef nothing(c):\n    """Nothing."""\n'


def seconds(folder: Path) -> float:
    """One `inv --list` in a folder."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "invoke", "--list"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print the ratio."""
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        (empty / "tasks.py").write_text(EMPTY)
        pairs = [(seconds(empty), seconds(ROOT)) for _ in range(ROUNDS)]
    base, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"empty {base * 1000:.0f} ms, here {ours * 1000:.0f} ms, ratio {ours / base:.2f}")


if __name__ == "__main__":
    main()
