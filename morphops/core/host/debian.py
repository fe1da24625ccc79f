"""What the distribution's own files say, and which packages and commands follow from it. Pure.

Every command is a value: a tuple of words, read and tested as text, run elsewhere.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TypeAlias

from morphops.errors import PreconditionError

Command: TypeAlias = tuple[str, ...]

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The distribution's own list. Others in that folder may name mirrors that carry something else.
SOURCES_FILE = "/etc/apt/sources.list.d/debian.sources"
DEFAULT_MIRROR = "http://deb.debian.org/debian"

_TRIXIE_SOURCE = "/etc/apt/sources.list.d/morphops-trixie.sources"
_TRIXIE_PIN = "/etc/apt/preferences.d/morphops-trixie"


@dataclass(frozen=True, slots=True)
class OsRelease:
    """Which distribution this is (freedesktop.org, os-release(5)).

    Attributes:
        id: `debian`, `ubuntu`, …
        version: `12`, `24.04`; empty where there is none (Debian testing).
        codename: `bookworm`, `noble`.
        name: for people.
    """

    id: str
    version: str
    codename: str
    name: str


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Where packages come from.

    Attributes:
        archive: the archive's base URI; empty where the file names none.
        security: that of the security archive; empty where there is none.
    """

    archive: str
    security: str


@dataclass(frozen=True, slots=True)
class Packages:
    """How the engine and its plugins get installed.

    Attributes:
        files: files to write first, path → text.
        engine: packages for a machine that has no engine.
        plugins: plugin (`compose`, `buildx`) → its package.
        client: the client's package, where it comes apart from the engine.
    """

    files: tuple[tuple[str, str], ...]
    engine: tuple[str, ...]
    plugins: tuple[tuple[str, str], ...]
    client: str = ""

    def client_only(self) -> tuple[str, ...]:
        """Packages for a machine that has an engine's socket and no client; () where none do."""
        return (self.client, *(package for _, package in self.plugins)) if self.client else ()


def parse_os_release(text: str) -> OsRelease:
    """Read /etc/os-release."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            try:
                values[key.strip()] = " ".join(shlex.split(value))
            except ValueError:
                continue
    return OsRelease(
        values.get("ID", "linux"),
        values.get("VERSION_ID", ""),
        values.get("VERSION_CODENAME", ""),
        values.get("PRETTY_NAME", values.get("ID", "an unknown system")),
    )


def parse_sources(text: str) -> Mirrors:
    """Read the mirrors from a deb822 file (sources.list(5)).

    A stanza whose suites end in `-security` names the security archive; another one the archive.
    The first of each counts.
    """
    archive = security = ""
    for stanza in text.replace("\r", "").split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
                continue
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
        uris, suites = fields.get("uris", "").split(), fields.get("suites", "").split()
        if "deb" not in fields.get("types", "").split() or not uris or not suites:
            continue
        if fields.get("enabled", "yes").lower() in ("no", "false", "off", "0"):
            continue
        if all(suite.endswith("-security") for suite in suites):
            security = security or uris[0]
        else:
            archive = archive or uris[0]
    return Mirrors(archive.rstrip("/"), security.rstrip("/"))


def packages_for(system: OsRelease, mirrors: Mirrors) -> Packages:
    """What to install on this distribution.

    Raises:
        PreconditionError: it is none that this knows; the hint says what to install by hand.
    """
    major = system.version.partition(".")[0]
    if system.id == "debian" and major == "12":
        # Debian 12 has docker.io 20.10 and no Compose v2; trixie's packages run on its libc.
        return _debian(_trixie_files(mirrors.archive or DEFAULT_MIRROR))
    if system.id == "debian" and (not major or int(major) >= 13):
        return _debian(())
    if system.id == "ubuntu" and major.isdigit() and int(major) >= 24:
        return Packages(
            (),
            ("docker.io", "docker-compose-v2", "docker-buildx", "iptables"),
            (("compose", "docker-compose-v2"), ("buildx", "docker-buildx")),
        )
    raise PreconditionError(
        f"no recipe to install an engine on {system.name}",
        state="nothing was changed",
        hint="install Docker Engine, Compose ≥ 2.26 and Buildx (docs.docker.com/engine/install), "
        "then `inv host.check`",
    )


def _debian(files: tuple[tuple[str, str], ...]) -> Packages:
    return Packages(
        files,
        ("docker.io", "docker-cli", "docker-compose", "docker-buildx", "iptables"),
        (("compose", "docker-compose"), ("buildx", "docker-buildx")),
        client="docker-cli",
    )


def _trixie_files(mirror: str) -> tuple[tuple[str, str], ...]:
    source = (
        "# Written by `inv host.setup`: Docker's packages, and only they (see preferences.d).\n"
        f"Types: deb\nURIs: {mirror}\nSuites: trixie\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    pin = (
        "# Written by `inv host.setup`. At 100 nothing else is taken from trixie automatically.\n"
        "Package: *\nPin: release n=trixie\nPin-Priority: 100\n\n"
        "Package: docker.io docker-cli docker-compose docker-buildx\n"
        "Pin: release n=trixie\nPin-Priority: 600\n"
    )
    # The pin stands before the source is there, or for a moment all of trixie would be preferred.
    return ((_TRIXIE_PIN, pin), (_TRIXIE_SOURCE, source))


def update_command() -> Command:
    """Refresh the package lists; an unreachable list is an error, not a warning."""
    return (
        "apt-get", "-q", "-o", "APT::Update::Error-Mode=any",
        "-o", "DPkg::Lock::Timeout=120", "update",
    )  # fmt: skip


def install_command(packages: tuple[str, ...]) -> Command:
    """Install packages without questions, and without touching a changed configuration file."""
    return (
        "apt-get", "-q", "-y", "-o", "Dpkg::Options::=--force-confold",
        "-o", "DPkg::Lock::Timeout=120", "install", "--no-install-recommends", *packages,
    )  # fmt: skip


def rootfs_command(
    *,
    suite: str,
    packages: tuple[str, ...],
    components: tuple[str, ...],
    mirrors: Mirrors,
    architecture: str,
    root: bool,
    target: str,
) -> Command:
    """Make a tar of a root file system from packages, without running any of their scripts."""
    rest = " ".join(components)
    lines = [f"deb {mirrors.archive} {suite} {rest}"]
    if mirrors.security:
        lines.append(f"deb {mirrors.security} {suite}-security {rest}")
    return (
        "mmdebstrap", "--variant=extract", f"--mode={'root' if root else 'unshare'}",
        "--format=tar", f"--architectures={architecture}", f"--keyring={KEYRING}",
        f"--include={','.join(packages)}", suite, target, *lines,
    )  # fmt: skip
