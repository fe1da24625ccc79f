"""Secrets stand in two places, the env file and the values of a deployment, and nowhere else.

Every task is run with sentinels in every secret variable, in text and as JSON, well and badly. What
they print, what they leave on the disk, and every command line meanwhile is searched.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from morphops.core.env import parse
from morphops.tasks import ns
from tests import stacks
from tests.engine.helpers import Release, hook
from tests.paths import ROOT
from tests.stacks import Inv

pytestmark = pytest.mark.engine

# Whole, inside of a URL, and as such a part is written when it is encoded or decoded.
TOKEN = "sentinel-1-token"
UPSTREAM = "https://sentinel-2-user:sentinel-3%2Fpass@rpc.invalid/v2/sentinel-4-path?key=sentinel-5"
SENTINELS = tuple(f"sentinel-{number}" for number in range(1, 6))
TYPED = "--reason=because of"
# Where a value may stand: mode 0600, see morphops/state.py.
ALLOWED = ("test.env", "values.env")


def seen(text: str) -> list[str]:
    return [sentinel for sentinel in SENTINELS if sentinel in text]


class Everything:
    """Calls tasks, and keeps what they said."""

    def __init__(self, inv: Inv) -> None:
        self.inv = inv
        self.called: set[str] = set()

    def __call__(self, *words: str, code: int | Sequence[int] = 0) -> None:
        """One call; what it may end with."""
        allowed = (code,) if isinstance(code, int) else code
        self.called.add(words[0])
        done = self.inv(*words)
        assert done.code in allowed, f"{words}: {done}"
        assert seen(done.out + done.err) == [], f"{words}: {done}"
        assert "Traceback" not in done.err, done

    def both(self, *words: str, code: int | Sequence[int] = 0) -> None:
        """As text and as JSON."""
        self(*words, code=code)
        self(*words, "--json", code=code)


@contextlib.contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line that stands in the process table meanwhile, as `ps` shows them."""
    found: set[str] = set()
    over = threading.Event()
    proc = Path("/proc")

    def read(pids: Iterable[str]) -> None:
        for pid in pids:
            with contextlib.suppress(OSError):
                line = (proc / pid / "cmdline").read_bytes()
                found.add(line.replace(b"\0", b" ").decode(errors="replace"))

    def look() -> None:
        # Whoever is new is read often, for it may yet become another program; the others seldom.
        # To read all of them each time would take a core from what is looked at.
        new: dict[str, float] = {}
        known: set[str] = set()
        everybody = 0.0
        while not over.wait(0.01):
            now = time.monotonic()
            there = {pid for pid in os.listdir(proc) if pid.isdigit()}  # noqa: PTH208 - only names
            new = {pid: since for pid, since in new.items() if now - since < 0.2}
            new |= dict.fromkeys(there - known, now)
            known = there
            if now > everybody:
                everybody = now + 0.2
                read(there)
            else:
                read(new)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@pytest.mark.long
def test_no_task_lets_a_secret_out(inv: Inv, release: Release) -> None:
    text = (inv.folder / "ops/env/schema.yaml").read_text()
    schema = parse.parse_env_schema(text, "schema.yaml")
    planted = {"TOKEN": TOKEN, "UPSTREAM": UPSTREAM}
    assert {name for name, spec in schema.variables.items() if spec.secret} == set(planted)
    env = inv.state / "test.env"
    kept = dict(line.split("=", 1) for line in env.read_text().splitlines())
    stacks.write_env(env, **kept | planted)
    hook(inv, "on-failure", 'echo "$TOKEN $UPSTREAM"; env >&2; cat "$PWD"/../state/test.env')
    (inv.folder / "runbooks").symlink_to(ROOT / "runbooks")

    with command_lines() as lines:
        every = Everything(replace(inv, extra={"EDITOR": "true"}))
        run(every, release, env)
        assert in_plain(inv.state) >= {*ALLOWED}, "the values of a deployment are kept"
        assert {p.stat().st_mode & 0o777 for p in inv.state.rglob("*.env")} == {0o600}
        sealed(every, release)
    assert every.called == set(ns.task_names)
    assert any("morphops-lock-" in line for line in lines)  # it did look
    # What a person types stands there; what comes of it does not.
    assert [line for line in lines if seen(line) and TYPED not in line] == []
    assert in_plain(inv.state) == set(), "nothing of it is on the disk any more"


def in_plain(state: Path) -> set[str]:
    """The names of the files that hold a secret as it is; none but those that may."""
    found = set()
    for path in sorted(state.rglob("*")):
        if path.is_file() and seen(path.read_bytes().decode(errors="replace")):
            assert path.name in ALLOWED, path
            found.add(path.name)
    return found


def run(every: Everything, release: Release, env: Path) -> None:
    """Every task once or more; what it is told to do wrong here, it says without the secret."""
    first, second = release(), release(pair="v2")
    sick = release(pair="sick")
    every("release.create", code=2)  # no image named, and nothing was built here
    every.both("release.list")
    every.both("release.show", f"--digest={first}")
    every("host.check", code=(0, 3))
    every("host.setup", code=(0, 3))
    every.both("env.check")
    every.both("env.show")
    every("env.template")
    every("env.init", "--path=new.env")
    every("pull", f"--image={first}")
    every.both("deploy", f"--image={first}", "--plan")
    every("deploy", f"--image={first}")
    every("deploy", f"--image={second}", "--reason=newer", "--json")
    every("deploy", f"--image={sick}", f"{TYPED} {TOKEN}", code=4)
    every("deploy", f"--image={sick}", "--no-rollback", "--json", code=5)
    for end in ("resume", "abort"):
        every(end, code=3)
    # The health check's output, which holds the secrets, is what explains it.
    for task in ("status", "drift", "verify", "smoke"):
        every.both(task, code=(0, 3, 6))
    every("wait", code=3)
    every("up", "--reason=seen enough")
    every.both("logs")
    every.both("rollback", "--plan")
    every("rollback", f"--to={first}", "--reason=drill")
    every("down")
    every("up", "--json")
    every("exec", "front", "--json", "--", "env")
    every("run", "front", "--reason=drill", "--json", "--", "env")
    every("restart", "front", "--reason=drill")
    every("recreate", "front", "--reason=drill")
    every.both("top")
    for task in ("wait", "history.show", "audit.show", "audit.verify", "lock.status"):
        every.both(task)
    every("lock.break", "--reason=nobody holds it")
    every("history.adopt", "--reason=nothing to adopt")
    every.both("approval.list")
    every("approval.grant", "--name=never-loose", "--reason=drill")
    every("approval.revoke", "--name=never-loose", "--reason=drill")
    every("release.pin", f"--digest={first}", "--reason=audit")
    every("release.unpin", f"--digest={first}")
    every("prune")
    every("prune", "--apply", "--keep=1", "--reason=monthly")
    every("registry.prune", code=(0, 2, 3))
    every("bundle.init", code=(0, 2))
    every.both("bundle.show")
    every.both("bundle.check", code=(0, 2))
    every("runbook.check", code=(0, 2))
    every("runbook.show", "--name=deploy")
    every("runbook.run", "--name=maintenance", "--section=is-all-well", "--yes", code=(0, 3, 4))
    every.both("runbook.verify", code=(0, 3))
    every("image.check", code=(0, 2))
    for task in ("build", "image.base", "quickstart"):
        every(task, code=(2, 3))  # this stack is not built from source
    every("registry.up", code=(0, 2, 3))
    every("registry.down", code=(0, 2, 3))

    whole = env.read_text()
    for line in (f"TOKEN {TOKEN}", f"TOKEN={TOKEN}", f"TOKN={TOKEN}", f"FRONT_PORT={TOKEN}"):
        env.write_text(f"{whole}{line}\n")
        every("deploy", f"--image={first}", code=2)
        every("env.show", code=(0, 2))
    env.write_text(whole)


def sealed(every: Everything, release: Release) -> None:
    """The same values, encrypted."""
    every.both("env.identity")
    every("env.encrypt")
    every.both("env.edit")
    every.both("env.check")
    every.both("env.show")
    every("deploy", f"--image={release(front='v2')}", "--json")
    every.both("status")
    every.both("logs")
    every("rollback", "--reason=drill")
    every("env.encrypt", "--json")
    project = every.inv("status", "--json").json["project"]
    every("destroy", f"--project={project}", "--reason=drill")
