"""Everything that checks this project. `nox` runs all of it; `nox -l` lists the sessions.

With CI set, a session that needs a container engine fails where there is none; elsewhere it says
that it skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "coverage", "services", "engine"]

FAULTS = "tests/engine/faults"
LOCKS = Path("requirements")
# Most of an engine test is waiting, so there are more workers than cores on a small machine. Each
# worker has a registry and images of its own; tests/conftest.py says which tests stay together.
AT_ONCE = ["--numprocesses=4", "--dist=loadscope"]
# Fast tests share nothing: a free worker takes over what another has not begun.
FAST = ["--numprocesses=auto", "--dist=worksteal"]
# Engines differ in how they name images and replace containers; the rest is the same everywhere.
NEWEST = ["tests/contracts", "tests/engine/faults/test_half_done.py", "tests/adapters/docker"]
NEWEST += ["tests/engine/test_prune.py"]
COVERAGE = ["--cov", "--cov-report="]
# All of these need an engine, so no worker has to read them.
ENGINE = ["tests/engine", "tests/e2e"]
# Each worker, and each interpreter that a test starts, would compile the project again.
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
# Per cent of lines and branches that the fast tests reach at least; to be raised, never lowered.
REACHED = {"morphops/core/*": 98, "morphops/*": 90}
PYTHON_FILES = ["morphops", "tests", "benchmarks", "tasks.py", "noxfile.py", "ops/services"]


def install(session: nox.Session, lock: str, *, project: bool = True) -> None:
    """The locked dependencies, and the project itself without looking for more."""
    session.install("--require-hashes", "-r", str(LOCKS / f"{lock}.txt"))
    if project:
        session.install("--no-deps", "--no-build-isolation", "-e", ".")


def need_engine(session: nox.Session) -> None:
    """Skip, or fail in CI, where no engine answers."""
    docker = shutil.which("docker")
    found = docker and not subprocess.run([docker, "info"], capture_output=True).returncode
    if found:
        return
    if os.environ.get("CI"):
        session.error("no container engine answers, and in CI that is a failure: inv host.setup")
    session.skip("no container engine answers: inv host.setup")


def in_memory() -> dict[str, str]:
    """Where the tests' files are kept in memory, so that to sync them costs nothing.

    Nothing is said on a machine without such a place, or with a small one, as in many containers.
    """
    place = Path("/dev/shm")  # noqa: S108  (pytest makes a folder of its own there)
    if not os.access(place, os.W_OK) or shutil.disk_usage(place).free < 2**30:
        return {}
    programs = not os.statvfs(place).f_flag & os.ST_NOEXEC
    return {"PYTEST_DEBUG_TEMPROOT": str(place)} if programs else {}


@nox.session
def lint(session: nox.Session) -> None:
    """Style of Python, YAML, shell and Dockerfiles, and the layers that imports keep."""
    install(session, "lint", project=False)
    session.run("ruff", "check", *PYTHON_FILES)
    session.run("ruff", "format", "--check", *PYTHON_FILES)
    session.run("lint-imports", "--no-cache")
    session.run("yamllint", "--strict", ".")
    session.run("shellcheck", ".ci/run")
    dockerfiles = sorted(str(path) for path in Path("ops/docker").glob("*.Dockerfile"))
    session.run("hadolint", *dockerfiles)


@nox.session
def types(session: nox.Session) -> None:
    """mypy, strict."""
    install(session, "types")
    session.run("mypy")


def without_engine(session: nox.Session, *options: str) -> None:
    """All fast tests, on all cores."""
    install(session, "test")
    others = [f"--ignore={folder}" for folder in ENGINE]
    env = COMPILED | in_memory()
    session.run("pytest", "-m", "not engine", *others, *FAST, *options, env=env)


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """The library, without an engine. Nothing is measured: that would double the CPU time."""
    if session.posargs:
        install(session, "test")
        session.run("pytest", "-m", "not engine", *session.posargs)
    else:
        without_engine(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """`tests`, and what they reach of the library: fails below a floor."""
    without_engine(session, *COVERAGE)
    for files, least in REACHED.items():
        session.run("coverage", "report", f"--include={files}", f"--fail-under={least}")


@nox.session
def services(session: nox.Session) -> None:
    """The services that the images carry."""
    session.install("--require-hashes", "-r", "ops/services/requirements.txt")
    session.install("--require-hashes", "-r", "ops/services/requirements-test.txt")
    session.install("--require-hashes", "-r", "ops/services/requirements-build.txt")
    session.install("--no-deps", "--no-build-isolation", "./ops/services")
    with session.chdir("ops/services"):
        session.run("mypy", "--strict", "src")
        session.run("pytest", *session.posargs)


def on_engines(session: nox.Session, *selected: str) -> None:
    """The artifacts under ops/, and tests that need an engine."""
    install(session, "test")
    if shutil.which("docker"):  # the artifacts are checked with the client, and need no engine
        session.run("inv", "bundle.check")
    need_engine(session)
    session.run("pytest", "-m", "engine", *AT_ONCE, *selected, *session.posargs)


@nox.session
def engine(session: nox.Session) -> None:
    """`ops` and `faults` in one run, so that no worker waits for the last test of the first."""
    on_engines(session)


@nox.session(default=False)
def ops(session: nox.Session) -> None:
    """The artifacts under ops/, the library, and the whole story on a real engine."""
    on_engines(session, f"--ignore={FAULTS}")


@nox.session(tags=["faults"], default=False)
def faults(session: nox.Session) -> None:
    """Crashes of a deploy, and other faults, on real engines."""
    need_engine(session)
    install(session, "test")
    session.run("pytest", "-m", "engine", *AT_ONCE, FAULTS, *session.posargs)


@nox.session(default=False)
def newest(session: nox.Session) -> None:
    """What differs between engines, on the newest that Debian has, beside the one here."""
    install(session, "test")
    ask = "from tests.engine import newest; print(newest.unavailable())"
    why = str(session.run("python", "-c", ask, silent=True)).strip()
    if why:
        session.skip(why)
    words = session.posargs or NEWEST
    run = ("python", "-m", "tests.engine.newest", "--", "python", "-m", "pytest", "-m", "engine")
    session.run(*run, *AT_ONCE, *words)


@nox.session(default=False)
def lowest(session: nox.Session) -> None:
    """The fast tests with the lowest versions that pyproject.toml declares."""
    session.install("uv")
    session.run(
        "uv",
        "pip",
        "install",
        f"--python={session.virtualenv.location}",
        "--resolution=lowest-direct",
        "--group=test",
        "--editable=.",
    )
    session.run("pytest", "-m", "not engine", *session.posargs)


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Of `ops` only the story: build, release, deploy, fail, roll back, with the real images."""
    need_engine(session)
    install(session, "test")
    session.run("pytest", "-m", "engine", "tests/e2e", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Ratios, measured in one run; nothing can fail. `-- --before=SRC`: another version, too."""
    install(session, "test")
    session.run("python", "benchmarks/startup.py")
    session.install("--require-hashes", "-r", "ops/services/requirements.txt")
    services = {"PYTHONPATH": "ops/services/src", "OPENBLAS_NUM_THREADS": "1"}
    session.run("python", "ops/services/benchmarks/scan.py", env=services)
    session.run("python", "ops/services/benchmarks/load.py", *session.posargs, env=services)
    need_engine(session)
    session.run("python", "benchmarks/small_commands.py")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write requirements/*.txt from pyproject.toml."""
    session.install("uv")
    for group in ("lint", "types", "test"):
        # The linters run without the project, so they are locked without its dependencies.
        base = [] if group == "lint" else ["pyproject.toml"]
        session.run(
            "uv",
            "pip",
            "compile",
            "--universal",
            "--python-version=3.11",
            "--generate-hashes",
            "--no-emit-find-links",
            "--custom-compile-command=nox -s lock",
            f"--group={group}",
            *base,
            f"--output-file={LOCKS / f'{group}.txt'}",
            *session.posargs,
        )
