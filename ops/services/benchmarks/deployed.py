"""What the deployed stack holds: at rest, at four times its capacity, in a deploy, with faults.

    inv quickstart
    python ops/services/benchmarks/deployed.py [--release=sha256:…]

Run it as root on the machine of the engine, from the folder of `tasks.py`. It takes about four
minutes. With another release it also deploys and rolls back three times, which takes as many more.
Standard library only, so the Python of `inv` will do.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from shots import (
    Address,
    Tally,
    at_rest,
    balance_of,
    idle,
    percentile,
    post,
    salvo,
    saturate,
)

SAMPLE = Path(__file__).parents[2] / "samples" / "genesis.json"
VERSION = post({"jsonrpc": "2.0", "id": 1, "method": "web3_clientVersion", "params": []})
SERVICES = ("server-a", "server-b", "rpc-adapter")
_TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 60.0


def docker(*words: str) -> str:
    command = [shutil.which("docker") or "docker", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Container:
    """One service of the stack, as it runs now."""

    def __init__(self, project: str, service: str) -> None:
        labels = {"project": project, "service": service}
        filters = [
            f"--filter=label=com.docker.compose.{key}={text}" for key, text in labels.items()
        ]
        self.name = service
        self.identity = docker("ps", "-q", *filters)
        if not self.identity or "\n" in self.identity:
            raise SystemExit(f"not exactly one {service} runs in project {project}: inv quickstart")

    def _state(self) -> dict[str, object]:
        state: dict[str, object] = json.loads(
            docker("inspect", "--format={{json .State}}", self.identity)
        )
        return state

    @property
    def health(self) -> str:
        """As the engine says it."""
        return str(self._state().get("Health", {}).get("Status"))  # type: ignore[attr-defined]

    @property
    def host(self) -> str:
        """Its address on one of its networks, past the port that is published."""
        networks = json.loads(
            docker("inspect", "--format={{json .NetworkSettings.Networks}}", self.identity)
        )
        return next(str(network["IPAddress"]) for network in networks.values())

    @property
    def process(self) -> int:
        """The service itself: the child of the container's init."""
        init = self._state()["Pid"]
        children = Path(f"/proc/{init}/task/{init}/children").read_text().split()
        return int(children[0])

    def cpu_seconds(self) -> float:
        """What the service has used so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


class Stack:
    """The three services."""

    def __init__(self, project: str, published: str | None) -> None:
        self._project = project
        self.look()
        host, _, port = (published or f"{self.adapter.host}:8545").rpartition(":")
        self.address: Address = (host, int(port))
        alloc = json.loads(SAMPLE.read_text())["alloc"]
        self.balances = {
            "0x" + address.removeprefix("0x").lower(): hex(int(account["balance"], 0))
            for address, account in alloc.items()
        }
        self.some = next(iter(self.balances))

    def look(self) -> None:
        """Find the containers again: a deploy replaces them."""
        self.a, self.b, self.adapter = (Container(self._project, name) for name in SERVICES)

    def cpu_seconds_each(self) -> list[float]:
        """What the three have used so far."""
        return [container.cpu_seconds() for container in (self.a, self.b, self.adapter)]

    def cpu_seconds(self) -> float:
        """The same, together."""
        return sum(self.cpu_seconds_each())

    def unhealthy(self) -> set[str]:
        """The services that the engine does not call healthy."""
        containers = (self.a, self.b, self.adapter)
        return {one.name for one in containers if one.health != "healthy"}

    def fire(self, rate: float, seconds: float) -> Tally:
        """Reads of random accounts, each on time."""
        return salvo(self.address, self.balances, rate, seconds)


def say(what: str, aim: str, seen: str) -> None:
    print(f"| {what} | {aim} | {seen} |", flush=True)


def part_1(stack: Stack) -> None:
    at_rest(stack.address, balance_of(stack.some), 50)
    reads = at_rest(stack.address, balance_of(stack.some), 300)
    versions = at_rest(stack.address, VERSION, 300)
    say("1 a private read at rest", "6 ms", f"median {percentile(reads, 0.5):.1f} ms")
    say("1 web3_clientVersion", "1.5 ms", f"median {percentile(versions, 0.5):.2f} ms")
    before = stack.cpu_seconds()
    tally = stack.fire(100, 10)
    cpu = (stack.cpu_seconds() - before) * 1000 / max(1, len(tally.right))
    say("1 CPU of a read at 100/s", "4 ms", f"{cpu:.1f} ms; {outcome(tally, 10)}")
    tally = saturate(stack.address, stack.balances, 48, 10)
    say("1 capacity", "300/s, 0 wrong", outcome(tally, 10))


def outcome(tally: Tally, seconds: float) -> str:
    text = f"{len(tally.right) / seconds:.0f} right/s, {len(tally.refused) / seconds:.0f} 503s/s"
    text += f", {tally.failed} failed, {tally.wrong} wrong"
    return text + "".join(f" ({count} times: {why})" for why, count in tally.reasons.items())


def part_2(stack: Stack, capacity: float, seconds: float, connections: int) -> None:
    name = f"2 with {connections} idle connections: " if connections else "2 "
    held = idle(stack.address, connections, VERSION)
    before = percentile(stack.fire(capacity / 2, 5).right, 0.99)
    ill: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            ill.update(stack.unhealthy())

    watching = threading.Thread(target=watch)
    watching.start()
    used = stack.cpu_seconds_each()
    tally = stack.fire(capacity * 4, seconds)
    used = [end - start for start, end in zip(used, stack.cpu_seconds_each(), strict=True)]
    done.set()
    watching.join()
    time.sleep(2)
    after = percentile(stack.fire(capacity / 2, 5).right, 0.99)
    share = len(tally.right) / seconds / capacity
    in_time = sum(taken <= 0.3 for taken in tally.refused) / max(1, len(tally.refused))
    say(
        f"{name}{capacity * 4:.0f} reads/s for {seconds:.0f} s",
        f"70 % of {capacity:.0f}/s right",
        f"{share:.0%}: {outcome(tally, seconds)}",
    )
    refusals = f"{in_time:.1%}; median {percentile(tally.refused, 0.5):.0f} ms"
    refusals += f", p99 {percentile(tally.refused, 0.99):.0f} ms"
    refusals += f"; shots were late by {percentile(tally.late, 0.99):.0f} ms (p99)"
    say(f"{name}503 within 300 ms", "all", refusals)
    cores = ", ".join(f"{one / seconds:.2f}" for one in used)
    say(f"{name}CPU of server A, server B, adapter", "", f"{cores} cores")
    say(f"{name}containers", "healthy", f"not healthy: {', '.join(sorted(ill)) or 'none'}")
    say(f"{name}p99 at half load", "as before", f"{before:.0f} ms before, {after:.0f} ms after")
    for connection in held:
        connection.close()


def part_3(stack: Stack, release: str) -> None:
    inv = shutil.which("inv") or str(Path(sys.executable).with_name("inv"))
    for number in (1, 2, 3):
        for words in (["deploy", f"--image={release}"], ["rollback"]):
            command = [inv, *words, "--reason=benchmark"]
            started = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            tally = salvo(
                stack.address, stack.balances, 50, 600, lambda p=process: p.poll() is None
            )
            taken = time.perf_counter() - started
            seen = f"exit {process.wait()}, {outcome(tally, taken)}, {taken:.0f} s"
            say(f"3 inv {words[0]} under 50 reads/s, time {number}", "exit 0", seen)
    stack.look()


def part_4(stack: Stack) -> None:
    def kill() -> Callable[[], bool]:
        os.kill(stack.a.process, signal.SIGKILL)
        return lambda: answers(stack.a)

    def stand_still() -> Callable[[], bool]:
        process = stack.b.process
        os.kill(process, signal.SIGSTOP)
        until = time.perf_counter() + 20

        def goes_on() -> bool:
            if time.perf_counter() < until:
                return False
            os.kill(process, signal.SIGCONT)
            return True

        return goes_on

    for name, break_it in (
        ("server A: SIGKILL", kill),
        ("server B: stopped for 20 s", stand_still),
    ):
        is_back = break_it()
        slowest, wrong = 0.0, 0
        returned = right = None
        end = time.perf_counter() + PATIENCE_SECONDS
        while right is None and time.perf_counter() < end:
            if returned is None and is_back():
                returned = time.perf_counter()
            fired = time.perf_counter()
            tally = stack.fire(20, 0.05)
            slowest = max(slowest, time.perf_counter() - fired)
            wrong += tally.wrong
            if returned is not None and tally.right:
                right = time.perf_counter()
        delay = right - returned if right and returned else float("nan")
        seen = f"right {delay:.1f} s after its return, {wrong} wrong"
        say(f"4 {name}", "right within 2 s", f"{seen}; slowest answer {slowest:.1f} s")
    say("4 a server that lies", "never a wrong answer", "ops/services/tests, not here")


def answers(container: Container) -> bool:
    url = f"http://{container.host}:3000/health"
    try:
        with urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", default="morphogen", help="of Compose")
    parser.add_argument("--address", help="HOST:PORT of the adapter; default: its container's own")
    parser.add_argument("--capacity", type=float, default=300, help="reads/s that are promised")
    parser.add_argument("--seconds", type=float, default=30, help="of four times the capacity")
    parser.add_argument("--idle", type=int, default=2000, help="connections that stay open")
    parser.add_argument("--release", help="digest of another release, for deploy and rollback")
    options = parser.parse_args()
    stack = Stack(options.project, options.address)
    print(f"{len(os.sched_getaffinity(0))} cores, load of others {os.getloadavg()[0]:.1f}\n")
    print("| what | aim | seen |\n|---|---|---|")
    part_1(stack)
    part_2(stack, options.capacity, options.seconds, 0)
    part_2(stack, options.capacity, options.seconds, options.idle)
    part_4(stack)
    if options.release:
        part_3(stack, options.release)


if __name__ == "__main__":
    main()
