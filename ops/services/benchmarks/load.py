"""Reads a second, latency and CPU of a read: at rest, at half, at full and at four times capacity.

    python benchmarks/load.py [--before=SRC] [--seconds=N]

`SRC` is the folder `ops/services/src` of another version, which is measured in the same run.
"""

import argparse
import os
import platform
from pathlib import Path

from shots import Tally, at_rest, balance_of, percentile, post, salvo, saturate
from stack import Stack

HERE = Path(__file__).parents[1] / "src"
VERSION = post({"jsonrpc": "2.0", "id": 1, "method": "web3_clientVersion", "params": []})


def line(name: str, offered: float, tally: Tally, seconds: float, cpu: float) -> str:
    answered = len(tally.right) / seconds
    each = cpu / len(tally.right) * 1000 if tally.right else float("nan")
    return (
        f"| {name} | {offered:.0f} | {answered:.0f} | {len(tally.refused) / seconds:.0f} "
        f"| {tally.failed} | {tally.wrong} | {percentile(tally.right, 0.5):.0f} "
        f"| {percentile(tally.right, 0.99):.0f} | {percentile(tally.refused, 0.99):.0f} "
        f"| {each:.1f} |"
    )


def measure(name: str, source: Path, seconds: float) -> tuple[float, float]:
    """Print a table; returns what a read costs in CPU milliseconds, and the capacity."""
    with Stack(source) as stack:
        address = next(iter(stack.balances))
        print(f"\n### {name}\n")
        at_rest(stack.address, balance_of(address), 20)
        before = stack.cpu_seconds()
        reads = at_rest(stack.address, balance_of(address), 300)
        cpu = (stack.cpu_seconds() - before) / 300 * 1000
        versions = at_rest(stack.address, VERSION, 300)
        print(
            f"At rest over a kept connection: a private read {percentile(reads, 0.5):.1f} ms"
            f" (p99 {percentile(reads, 0.99):.1f}) and {cpu:.1f} ms of CPU;"
            f" web3_clientVersion {percentile(versions, 0.5):.2f} ms.\n"
        )
        print("| load | offered/s | right/s | 503/s | failed | wrong | p50 ms | p99 ms", end="")
        print(" | 503 p99 ms | CPU ms a right read |\n|---|---|---|---|---|---|---|---|---|---|")

        def run(label: str, rate: float, duration: float) -> float:
            start = stack.cpu_seconds()
            if rate:
                tally = salvo(stack.address, stack.balances, rate, duration)
            else:
                tally = saturate(stack.address, stack.balances, 48, duration)
                rate = len(tally.right) / duration
            used = stack.cpu_seconds() - start
            print(line(label, rate, tally, duration, used), flush=True)
            return len(tally.right) / duration

        run("100 reads/s", 100, seconds)
        capacity = run("48 clients, one after the other", 0, seconds)
        run("half", capacity / 2, seconds)
        run("full", capacity, seconds)
        run("four times", capacity * 4, seconds)
        run("half, two seconds later", capacity / 2, seconds)
    return cpu, capacity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="the folder src of another version")
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(
        f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, load {load:.1f}"
    )
    cpu, capacity = measure("this version", HERE, options.seconds)
    if options.before:
        old_cpu, old_capacity = measure("the version before", options.before, options.seconds)
        print(f"\nCapacity {capacity / old_capacity:.1f} times, CPU of a read at rest", end=" ")
        print(f"{old_cpu / cpu:.1f} times less than before, in this run.")


if __name__ == "__main__":
    main()
