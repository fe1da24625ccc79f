"""What the commands cost that only look, with ten operations in the history and with 10,000.

Run it in a checkout, where an engine answers: `python benchmarks/small_commands.py [ROUNDS]`.
Figures are CPU seconds of a command and of what it starts, medians of runs that alternate, so that
what else the machine does falls on all of them. Targets: at most 3 times `docker compose ps` and
`python -c "import invoke"` together, and with 10,000 operations at most 1.2 times what it is
with ten; `audit.verify` reads 10,000 in less than 100 MB.

The state folder is that of tests/data, with a history that the real writer makes. Nothing runs,
and nothing is started. On the engine there is the head of a project of its own, which is removed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from morphops.adapters.store.history_file import HistoryReader, HistoryWriter
from morphops.core.history.heads import Head
from morphops.core.history.operations import ValuesRecord
from morphops.report.console import Reporter
from morphops.site import Site, open_site

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data" / "state-7c34d53"
MANY = 10_000
COMMANDS = {
    "status": ("status",),
    "history": ("history",),
    "lock.status": ("lock.status",),
    "drift": ("drift",),
    "deploy --plan": ("deploy", "--plan"),
}


class Deaf:
    """Lets a writer write, and remembers the last head."""

    head = Head()

    def check(self, *, sure: bool = True) -> None:
        """See `LockGuard.check`."""

    def report_head(self, head: Head) -> None:
        """See `LockGuard.report_head`."""
        self.head = head


def write(path: Path, count: int) -> Head:
    """Write operations behind those that are there, and return the head that they lead to."""
    record = next(r for r in reversed(HistoryReader(path).records()) if r.outcome == "deployed")
    values = ValuesRecord(record.fingerprint, record.variables)
    deaf, sync = Deaf(), os.fsync
    os.fsync = lambda fd: None  # nothing here has to outlive a power cut
    try:
        writer = HistoryWriter(path, deaf)
        for _ in range(count):
            done = writer.begin(
                "deploy",
                release=record.release,
                deployment=record.deployment,
                values=values,
                reason="a benchmark",
            )
            for step in ("start wave 1: a b", "wait for health: a b", "verify what runs"):
                writer.step(done, step)
                writer.result(done, "ok", 1.5)
            writer.end(done, "deployed")
    finally:
        os.fsync = sync
    return deaf.head


def cost(words: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    """Run a command; return its CPU seconds and the most memory that it had, in MB."""
    with subprocess.Popen(
        words,
        cwd=DATA,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1000


@contextmanager
def site(folder: Path, count: int) -> Iterator[tuple[Site, dict[str, str]]]:
    """A state folder with so many operations, and the environment that leads to it."""
    shutil.copytree(DATA / "state", folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    head = write(folder / "history.jsonl", count)
    bundle = folder / "deployments" / "000004" / "files" / "bundle.yaml"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MORPHOPS_")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    environ |= {"MORPHOPS_BUNDLE": str(bundle), "MORPHOPS_STATE": str(folder)}
    here = open_site(Reporter(True), environ)
    heads, project = here.platform.heads, here.bundle.project
    if heads.read(project) is not None:
        raise SystemExit(f"the engine has a head of {project}: somebody tests here now")
    heads.write(project, head)
    try:
        yield here, environ
    finally:
        names = [v["Name"] for v in here.docker.engine.volumes(label=[f"morphops.head={project}"])]
        here.docker.engine.remove_volumes(names)


def commands(here: Site) -> dict[str, list[str]]:
    """The command lines; a plan is that of the release before."""
    release = next(r.release for r in here.history.records() if r.release)
    inv = [sys.executable, "-m", "invoke", f"--search-root={ROOT}"]
    lines = {name: [*inv, *words] for name, words in COMMANDS.items()}
    lines["deploy --plan"].append(f"--image={release}")
    return lines


def measured(count: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Every command's costs with so many operations, and those that they are held against."""
    with (
        tempfile.TemporaryDirectory() as name,
        site(Path(name) / "state", count) as (here, environ),
    ):
        lines = commands(here)
        compose = ["docker", "compose", f"--project-name={here.bundle.project}", "ps"]
        lines = {
            "compose ps": compose,
            "import invoke": [sys.executable, "-c", "import invoke"],
        } | lines
        found: dict[str, list[tuple[float, float]]] = {line: [] for line in lines}
        for _ in range(rounds):
            for line, words in lines.items():
                found[line].append(cost(words, environ))
        verify = [sys.executable, "-m", "invoke", f"--search-root={ROOT}", "audit.verify"]
        found["audit.verify"] = [cost(verify, environ)]
    return found


def main() -> None:
    """Measure, and print a table."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 7
    few, many = measured(10, rounds), measured(MANY, rounds)

    def cpu(found: dict[str, list[tuple[float, float]]], name: str) -> float:
        return statistics.median(seconds for seconds, _ in found[name])

    base = sum(cpu(few, name) + cpu(many, name) for name in ("compose ps", "import invoke")) / 2
    print(f"docker compose ps + import invoke: {base:.2f} s; load average {os.getloadavg()[0]:.0f}")
    print("command         10 op.   of that   10,000 op.   of 10 op.   MB")
    for name in (*COMMANDS, "audit.verify"):
        one, other = cpu(few, name), cpu(many, name)
        most = max(memory for _, memory in many[name])
        ratios = f"{one / base:8.1f} {other:10.2f} s {other / one:10.2f}"
        print(f"{name:14} {one:6.2f} s {ratios} {most:6.0f}")


if __name__ == "__main__":
    main()
