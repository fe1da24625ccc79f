"""What a question costs, as ratios, which carry over from one machine to another."""

import time
from collections.abc import Callable

import numpy as np

from morphogen_pir import dpf
from morphogen_pir.matrix import Matrix
from morphogen_pir.prg import BUILT_IN_KEYS, children, leaf_blocks

BITS = 20
ROWS = 1 << BITS


def seconds(work: Callable[[], object], rounds: int = 7) -> float:
    """The best of some rounds: the one that other processes disturbed least."""
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def expand_to_single_bits() -> None:
    """The AES work of a tree without early termination: a leaf for every row."""
    nodes = np.zeros((1, 2), dtype=np.uint64)
    for _ in range(BITS):
        nodes = np.stack(children(BUILT_IN_KEYS, nodes), axis=1).reshape(-1, 2)
    leaf_blocks(BUILT_IN_KEYS, nodes)


def main() -> None:
    key, _ = dpf.split(BUILT_IN_KEYS, BITS, ROWS // 3)
    bits = dpf.expand(BUILT_IN_KEYS, key, ROWS)
    matrix = Matrix.synthetic(ROWS * 32, 32, seed=1)
    copy = seconds(lambda: matrix.words.copy())
    expand = seconds(lambda: dpf.expand(BUILT_IN_KEYS, key, ROWS))
    scan = seconds(lambda: matrix.scan(bits))
    full_tree = seconds(expand_to_single_bits, rounds=3)
    print(f"2^{BITS} rows of 32 bytes")
    print(f"scan      {scan / copy:6.2f} × copying the matrix ({scan * 1000:.1f} ms)")
    print(f"expansion {expand / scan:6.2f} × the scan ({expand * 1000:.1f} ms)")
    print(f"a tree without early termination {full_tree / expand:6.1f} × the expansion")


if __name__ == "__main__":
    main()
