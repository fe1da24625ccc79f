"""Where the files of this project are."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
OPS = ROOT / "ops"
STACK = ROOT / "tests" / "stack"
