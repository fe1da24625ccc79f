"""Runs a command against the newest engine that Debian carries, beside the one of this machine.

`python -m tests.engine.newest [--store=overlay2] -- pytest …`

The packages of Debian's unstable distribution are unpacked into a folder and never installed:
engine, client, Compose, Buildx and containerd are programs that run on older systems as they are.
The engine lives in namespaces of its own (see `second_engine`), and the command runs in its
network, so that what is published is reached on the loopback that it sees. slirp4netns leads to the
package mirrors, which builds need.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.engine.second_engine import SecondEngine, missing
from tests.paths import ROOT

CACHE = ROOT / ".nox" / "newest-engine"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PACKAGES = (
    "docker.io",
    "docker-cli",
    "docker-compose",
    "docker-buildx",
    "containerd",
    "runc",
    "tini",
)
# Of the distribution that runs here: programs that need the C library of unstable do not start.
OWN = ("slirp4netns", "libslirp0")
_SOURCE = f"""\
Types: deb
URIs: http://deb.debian.org/debian
Suites: sid
Components: main
Signed-By: {KEYRING}
"""
_LIMIT = 600


class Unavailable(Exception):
    """The packages cannot be had here."""


def unavailable() -> str:
    """Why it cannot be had on this machine; empty where it can. The packages are fetched for it."""
    if why := missing():
        return why
    absent = [name for name in ("apt-get", "dpkg-deb") if shutil.which(name) is None]
    if absent:
        return f"not on PATH: {', '.join(absent)}"
    if not KEYRING.is_file():
        return f"there is no {KEYRING}"
    try:
        fetch(CACHE)
    except Unavailable as err:
        return str(err)
    return ""


def fetch(folder: Path) -> Path:
    """Download the packages and unpack them, once; return the root of what they hold.

    Nothing of the machine's own package lists is read or changed, but for what stands in `OWN`.
    """
    root = folder / "root"
    if root.is_dir():
        return root
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        for part in ("lists/partial", "cache/archives/partial", "sources", "packages", "root"):
            (work / part).mkdir(parents=True)
        (work / "sources" / "unstable.sources").write_text(_SOURCE)
        (work / "apt.conf").write_text(
            'Dir::Etc::sourcelist "/dev/null";\n'
            f'Dir::Etc::sourceparts "{work}/sources";\n'
            'Dir::Etc::preferences "/dev/null";\n'
            f'Dir::Etc::preferencesparts "{work}/packages";\n'
            f'Dir::State::lists "{work}/lists";\n'
            f'Dir::Cache "{work}/cache";\n'
            'APT::Sandbox::User "root";\n'
        )
        theirs = {**os.environ, "APT_CONFIG": str(work / "apt.conf")}
        packages = work / "packages"
        _run(("apt-get", "--quiet", "update"), packages, theirs)
        _run(("apt-get", "--quiet", "download", *PACKAGES), packages, theirs)
        _run(("apt-get", "--quiet", "download", *OWN), packages, dict(os.environ))
        for package in sorted(packages.glob("*.deb")):
            _run(("dpkg-deb", "--extract", str(package), str(work / "root")), work, theirs)
        _tidy(work / "root")
        (work / "root").rename(root)
    return root


def _tidy(root: Path) -> None:
    """All programs in one folder; a runc that does not start here gives way to the machine's."""
    programs = root / "usr" / "bin"
    for program in (root / "usr" / "sbin").iterdir():
        target = programs / program.name
        target.unlink(missing_ok=True)
        program.rename(target)
    runc = programs / "runc"
    if subprocess.run([runc, "--version"], capture_output=True, check=False).returncode:
        runc.unlink()
    plugins = root / "config" / "cli-plugins"
    plugins.mkdir(parents=True)
    for plugin in (root / "usr" / "libexec" / "docker" / "cli-plugins").iterdir():
        plugin.rename(plugins / plugin.name)


def _run(words: tuple[str, ...], folder: Path, env: dict[str, str]) -> None:
    done = subprocess.run(
        words, cwd=folder, env=env, capture_output=True, text=True, timeout=_LIMIT, check=False
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(words[:3])} failed: {done.stderr.strip()[-300:]}")


def main() -> int:
    """Fetch, start, run, stop; the exit code is the command's."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.newest", description=__doc__)
    parser.add_argument("--store", choices=("containerd", "overlay2"), default="containerd")
    parser.add_argument("words", nargs="+", metavar="COMMAND")
    asked = parser.parse_args()
    if why := unavailable():
        raise SystemExit(why)
    root = fetch(CACHE)
    config = {"features": {"containerd-snapshotter": asked.store == "containerd"}}
    with tempfile.TemporaryDirectory(prefix="morphops-newest-") as name:
        engine = SecondEngine(Path(name), Path(name).name, config, programs=root)
        try:
            engine.start()
            environ = {**os.environ, **engine.environ}
            said = engine.docker("version", "--format", "{{.Server.Version}}").stdout.strip()
            print(f"engine {said}, image store {asked.store}", file=sys.stderr)
            enter = ("nsenter", f"--net={engine.network}", "--")
            return subprocess.run([*enter, *asked.words], env=environ, check=False).returncode
        finally:
            engine.stop()


if __name__ == "__main__":
    sys.exit(main())
