"""What questions cost, as ratios to one NumPy pass over the same matrix: these carry over from one
machine to another.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from morphogen_pir import dpf
from morphogen_pir.matrix import Matrix
from morphogen_pir.prg import BUILT_IN_KEYS

BITS = 20
ROWS = 1 << BITS
CORES = len(os.sched_getaffinity(0))


def seconds(work: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """Wall and CPU of the best of some rounds: the one that other processes disturbed least."""
    best = (float("inf"), float("inf"))
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        taken = time.perf_counter() - wall, time.process_time() - cpu
        best = min(best[0], taken[0]), min(best[1], taken[1])
    return best


def row(what: str, wall: float | None, cpu: float | None, ratio: str) -> None:
    """Print a row of the table."""
    times = ("" if value is None else f"{value * 1e3:.1f}" for value in (wall, cpu))
    print(f"| {what} | {' | '.join(times)} | {ratio} |")


def main() -> None:
    matrix = Matrix.synthetic(ROWS * 32, 32, seed=1)
    one, _ = dpf.split(BUILT_IN_KEYS, BITS, [1, ROWS // 3, ROWS - 1])
    batch, _ = dpf.split(BUILT_IN_KEYS, BITS, list(range(0, 96 * 9973, 9973)))
    share, _ = dpf.split(BUILT_IN_KEYS, BITS, list(range(0, 96 // CORES * 9973, 9973)))

    def answer(keys: dpf.DpfKeys) -> list[bytes]:
        return matrix.scan(dpf.expand(BUILT_IN_KEYS, keys, ROWS))

    def on_all_cores(keys: dpf.DpfKeys) -> None:
        with ThreadPoolExecutor(CORES) as threads:
            list(threads.map(answer, [keys] * CORES))

    flat = matrix.words.reshape(-1)
    once, once_cpu = seconds(lambda: np.bitwise_xor.reduce(flat), 15)
    query, query_cpu = seconds(lambda: answer(one))
    _, expand_cpu = seconds(lambda: dpf.expand(BUILT_IN_KEYS, one, ROWS))
    many, many_cpu = seconds(lambda: answer(batch), 2)
    half, _ = seconds(lambda: on_all_cores(share), 2)
    print(f"2^{BITS} rows of 32 bytes, {CORES} cores, load {os.getloadavg()[0]:.1f}\n")
    print("| what | wall ms | CPU ms | ratio |\n|---|---|---|---|")
    row("one pass of np.bitwise_xor.reduce", once, once_cpu, "1")
    row("one query (three keys)", query, query_cpu, f"{query_cpu / once_cpu:.1f} passes")
    row("of it the expansion of its keys", None, expand_cpu, f"{expand_cpu / once_cpu:.1f} passes")
    row("a batch of 32", many, many_cpu, f"{many_cpu / query_cpu:.1f} queries")
    row(f"a batch of 32 on {CORES} cores", half, None, f"{half / query:.1f} queries, of wall")


if __name__ == "__main__":
    main()
