"""Is the machine ready: facts to rows; the distribution's files to packages and commands."""

from __future__ import annotations

import dataclasses
import socket
import threading
from pathlib import Path

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.host import apt, engine_setup, inspect
from morphops.core.host import debian
from morphops.core.host.requirements import (
    GIB,
    HostFacts,
    Needs,
    PortFact,
    StateFact,
    judge,
)
from morphops.core.host.versions import TESTED, untested, version_of
from morphops.errors import EngineUnavailable, PreconditionError
from morphops.operations import host
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import ROOT

STATE = Path("/var/lib/tool/shop")
NEEDS = Needs(project="shop", state=STATE, ports=(("127.0.0.1", 8080),), registry="127.0.0.1:5000")
READY = HostFacts(
    client="28.2.2",
    endpoint="unix:///var/run/docker.sock",
    engine="26.1.5",
    storage="overlay2",
    denied=False,
    compose="2.26.1",
    buildx="0.13.1",
    data_root="/var/lib/docker",
    free=20 * GIB,
    ports=(PortFact("127.0.0.1", 8080, True),),
    state=StateFact(path=STATE, exists=True, mode=0o700, owner=0),
    uid=0,
)


def test_a_ready_machine_has_no_remedies() -> None:
    rows = judge(READY, NEEDS)
    assert [row.name for row in rows] == [
        "docker client",
        "engine",
        "Compose",
        "Buildx",
        "disk",
        "port 127.0.0.1:8080",
        "state folder",
    ]
    assert all(row.ok and not row.remedy for row in rows)
    assert rows[1].found == "26.1.5 at unix:///var/run/docker.sock, storage overlay2"


@pytest.mark.parametrize(
    ("change", "name", "found", "remedy"),
    [
        ({"client": ""}, "docker client", "none on PATH", "inv host.setup"),
        ({"engine": ""}, "engine", "no answer at unix:///var/run/docker.sock", "inv host.setup"),
        (
            {"engine": "", "endpoint": "tcp://10.0.0.1:2375"},
            "engine",
            "no answer at tcp://10.0.0.1:2375",
            "unset DOCKER_HOST",
        ),
        ({"engine": "", "denied": True, "uid": 1000}, "engine", "uid 1000", "usermod -aG docker"),
        ({"compose": ""}, "Compose", "none", "inv host.setup"),
        ({"compose": "2.20.3"}, "Compose", "older than 2.26", "upgrade it to 2.26"),
        ({"buildx": ""}, "Buildx", "none", "inv host.setup"),
        ({"client": "", "buildx": ""}, "Buildx", "no client", "inv host.setup"),
        ({"free": 4 * GIB}, "disk", "4.0 GiB free at /var/lib/docker, less than 5.0", "system df"),
        (
            {"engine": "29.7.2", "runc": "1.1.5"},
            "runc",
            "1.1.5 is too old for engine 29.7.2: every container fails",
            "upgrade runc to 1.2 or later",
        ),
        (
            {"plain": ("10.0.0.0/8", "127.0.0.1:5001")},
            "registry",
            "the engine wants TLS of 127.0.0.1:5000",
            '"127.0.0.1:5000" to "insecure-registries"',
        ),
        (
            {"ports": (PortFact("127.0.0.1", 8080, False, "web-1"),)},
            "port 127.0.0.1:8080",
            "the container web-1",
            "docker stop web-1",
        ),
        (
            {"ports": (PortFact("", 8080, False),)},
            "port *:8080",
            "outside of Docker",
            "ss -ltnp 'sport = :8080'",
        ),
        (
            {"engine": "", "ports": (PortFact("", 8080, False),)},
            "port *:8080",
            "by whom is not known",
            "the engine first",
        ),
        (
            {"state": StateFact(path=STATE, exists=True, mode=0o755)},
            "state folder",
            "open to others (mode 0755)",
            f"chmod 700 {STATE}",
        ),
        (
            {"state": StateFact(path=STATE, exists=True, mode=0o700, owner=7, writable=False)},
            "state folder",
            "belongs to uid 7",
            "MORPHOPS_STATE",
        ),
        (
            {"state": StateFact(path=STATE, exists=False, writable=False)},
            "state folder",
            "cannot be written to",
            "MORPHOPS_STATE",
        ),
        (
            {"state": StateFact(path=STATE, exists=True, is_folder=False)},
            "state folder",
            "no folder",
            "MORPHOPS_STATE",
        ),
    ],
)
def test_what_is_missing_has_a_row_with_a_remedy(
    change: dict[str, object], name: str, found: str, remedy: str
) -> None:
    rows = judge(dataclasses.replace(READY, **change), NEEDS)  # type: ignore[arg-type]
    row = next(row for row in rows if row.name == name)
    assert not row.ok
    assert found in row.found
    assert remedy in row.remedy


@pytest.mark.parametrize(
    ("change", "name", "found"),
    [
        ({"compose": "2.26.0"}, "Compose", "2.26.0"),
        ({"compose": "5.1.0"}, "Compose", "5.1.0"),
        ({"free": None}, "disk", "the engine's disk is elsewhere"),
        (
            {"ports": (PortFact("127.0.0.1", 8080, False, "shop-web-1", True),)},
            "port 127.0.0.1:8080",
            "our own shop-web-1",
        ),
        ({"state": StateFact(path=STATE, exists=False)}, "state folder", "first needed"),
    ],
)
def test_what_will_do(change: dict[str, object], name: str, found: str) -> None:
    rows = judge(dataclasses.replace(READY, **change), NEEDS)  # type: ignore[arg-type]
    row = next(row for row in rows if row.name == name)
    assert row.ok
    assert not row.remedy
    assert found in row.found


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Docker Compose version 2.26.1-4", (2, 26, 1)),
        ("v2.40", (2, 40)),
        ("github.com/docker/buildx 0.13.1+ds1 0.13.1", (0, 13, 1)),
        ("none", ()),
    ],
)
def test_versions(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_ports_and_folders_are_looked_at_for_real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no docker there
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    with socket.socket() as taken, socket.socket() as spare:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        spare.bind(("127.0.0.1", 0))
        free_port = spare.getsockname()[1]
        spare.close()
        ports = (("127.0.0.1", taken.getsockname()[1]), ("127.0.0.1", free_port))
        needs = Needs(project="shop", state=tmp_path / "a" / "b", ports=ports)
        facts = inspect.observe(Docker(), needs)
    assert [port.free for port in facts.ports] == [False, True]
    assert (facts.client, facts.engine, facts.compose) == ("", "", "")
    assert not facts.state.exists
    assert facts.state.writable
    assert not (tmp_path / "a").exists()


# --- what the distribution's files say

BOOKWORM = """# See sources.list(5)
Types: deb deb-src
# http://snapshot.example/archive
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("text", "archive", "security"),
    [
        (BOOKWORM, "http://mirror.example/debian", "http://mirror.example/debian-security"),
        (BOOKWORM.replace("\n", "\r\n"), "http://mirror.example/debian",
         "http://mirror.example/debian-security"),
        ("Types: deb\nURIs: http://a\nSuites: x-security\n", "", "http://a"),
        ("Types: deb-src\nURIs: http://a\nSuites: x\n", "", ""),
        ("Types: deb\nEnabled: no\nURIs: http://a\nSuites: x\n", "", ""),
        ("Types: deb\nURIs:\n http://a/b\n http://c\nSuites: x\n", "http://a/b", ""),
        ("", "", ""),
    ],
)  # fmt: skip
def test_mirrors(text: str, archive: str, security: str) -> None:
    assert debian.parse_sources(text) == debian.Mirrors(archive, security)


def _os(text: str) -> debian.OsRelease:
    return debian.parse_os_release(text)


BOOKWORM_OS = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'


def test_os_release() -> None:
    text = BOOKWORM_OS + "VERSION_CODENAME=bookworm\n# note\nBROKEN='\n"
    assert _os(text) == debian.OsRelease(
        "debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"
    )


def test_debian_12_takes_just_the_engine_from_trixie() -> None:
    packages = debian.packages_for(_os(BOOKWORM_OS), debian.parse_sources(BOOKWORM))
    texts = dict(packages.files)
    assert list(texts) == [
        "/etc/apt/preferences.d/morphops-trixie",
        "/etc/apt/sources.list.d/morphops-trixie.sources",
    ]
    pin, source = texts.values()
    assert "URIs: http://mirror.example/debian\nSuites: trixie\n" in source
    assert "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" in source
    assert "Package: *\nPin: release n=trixie\nPin-Priority: 100\n" in pin
    assert (
        "Package: docker.io docker-cli docker-compose docker-buildx\n"
        "Pin: release n=trixie\nPin-Priority: 600\n"
    ) in pin
    assert packages.engine == (
        "docker.io",
        "docker-cli",
        "docker-compose",
        "docker-buildx",
        "iptables",
    )
    assert packages.client_only() == ("docker-cli", "docker-compose", "docker-buildx")


def test_debian_12_without_its_list_uses_the_default_mirror() -> None:
    packages = debian.packages_for(_os(BOOKWORM_OS), debian.Mirrors("", ""))
    assert "URIs: http://deb.debian.org/debian\n" in packages.files[1][1]


@pytest.mark.parametrize("text", ["ID=debian\nVERSION_ID=13", "ID=debian"])
def test_debian_13_and_later_take_their_own(text: str) -> None:
    packages = debian.packages_for(_os(text), debian.Mirrors("http://m", ""))
    assert packages.files == ()
    assert dict(packages.plugins) == {"compose": "docker-compose", "buildx": "docker-buildx"}


def test_ubuntu_names_compose_otherwise() -> None:
    packages = debian.packages_for(_os('ID=ubuntu\nVERSION_ID="24.04"'), debian.Mirrors("", ""))
    assert packages.files == ()
    assert packages.engine == ("docker.io", "docker-compose-v2", "docker-buildx", "iptables")
    assert packages.client_only() == ()


@pytest.mark.parametrize(
    "text", ["ID=debian\nVERSION_ID=11", "ID=ubuntu\nVERSION_ID=20.04", "ID=fedora", ""]
)
def test_other_systems_are_told_what_to_install(text: str) -> None:
    with pytest.raises(PreconditionError, match="no recipe") as caught:
        debian.packages_for(_os(text), debian.Mirrors("", ""))
    assert "Compose ≥ 2.26" in caught.value.hint


def test_commands_are_text() -> None:
    assert " ".join(debian.install_command(("a", "b"))) == (
        "apt-get -q -y -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=120 "
        "install --no-install-recommends a b"
    )
    assert debian.update_command()[-1] == "update"
    command = debian.rootfs_command(
        suite="trixie",
        packages=("a", "b"),
        components=("main", "contrib"),
        mirrors=debian.Mirrors("http://m", "http://s"),
        architecture="amd64",
        root=False,
        target="/t.tar",
    )
    assert " ".join(command) == (
        "mmdebstrap --variant=extract --mode=unshare --format=tar --architectures=amd64 "
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg --include=a,b trixie /t.tar "
        "deb http://m trixie main contrib deb http://s trixie-security main contrib"
    )


# --- acting

QUIET: list[str] = []


def test_a_failing_command_shows_its_last_lines(tmp_path: Path) -> None:
    script = tmp_path / "apt-get"
    script.write_text("#!/bin/sh\nfor i in $(seq 30); do echo line $i; done\nexit 100\n")
    script.chmod(0o755)
    with pytest.raises(PreconditionError, match="exit code 100") as caught:
        apt.run((str(script),), "install x")
    assert caught.value.detail[-1] == "line 30"
    assert len(caught.value.detail) == 12


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(PreconditionError, match="there is no `no-such-command`"):
        apt.run(("no-such-command",), "do it")


def test_a_stale_list_matters_only_if_packages_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "apt-get"
    body = '#!/bin/sh\ncase "$*" in *update) echo E: bad list; exit 100;; esac\n'
    script.write_text(f"{body}exit 0\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    apt.install(("x",))
    script.write_text(f"{body}echo E: no such package; exit 100\n")
    with pytest.raises(PreconditionError, match="could not install x") as caught:
        apt.install(("x",))
    assert "E: bad list" in caught.value.detail
    assert "E: no such package" in caught.value.detail


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(engine_setup, "SOCKET", tmp_path / "docker.sock")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'docker.sock'}")
    with pytest.raises(PreconditionError, match="only root") as caught:
        engine_setup.setup(Docker(), QUIET.append)
    assert "sudo" in caught.value.hint
    assert caught.value.exit_code == 3


def test_an_engine_elsewhere_is_not_started_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"tcp://127\.0\.0\.1:1 does not answer"):
        engine_setup.setup(Docker(), QUIET.append)


def test_an_engine_that_ends_at_once_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    daemon = tmp_path / "dockerd"
    daemon.write_text(
        "#!/bin/sh\necho 'level=info msg=hello'\necho 'failed to mount overlay'\nexit 1\n"
    )
    daemon.chmod(0o755)
    pid_file = tmp_path / "docker.pid"
    pid_file.write_text("1")  # alive, and no engine: the number was used again
    log = tmp_path / "dockerd.log"
    log.write_text("from an earlier start\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(engine_setup, "SOCKET", tmp_path / "docker.sock")
    monkeypatch.setattr(engine_setup, "PID_FILE", pid_file)
    monkeypatch.setattr(engine_setup, "LOG", log)
    monkeypatch.setattr(engine_setup, "SYSTEMD", tmp_path / "none")
    with pytest.raises(EngineUnavailable, match="exit code 1") as caught:
        engine_setup.start(QUIET.append)
    assert caught.value.detail == ("failed to mount overlay",)
    assert not pid_file.exists()


@pytest.mark.parametrize(("answer", "alive"), [(b"HTTP/1.0 200 OK\r\n\r\nOK", True), (b"x", False)])
def test_ping(tmp_path: Path, answer: bytes, alive: bool) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        assert engine_setup.ping(path) is alive
        thread.join()
    assert engine_setup.ping(tmp_path / "none") is False


@pytest.mark.engine
def test_where_an_engine_answers_nothing_is_done() -> None:
    said: list[str] = []
    assert engine_setup.setup(Docker(), said.append) == []
    assert said == []


@pytest.mark.engine
def test_a_running_engine_is_seen(tmp_path: Path) -> None:
    facts = inspect.observe(Docker(), Needs(project="none", state=tmp_path))
    assert facts.engine
    assert facts.data_root
    assert {row.name for row in judge(facts, NEEDS) if row.ok} >= {"docker client", "engine"}


def test_an_env_file_of_somebody_else_leaves_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing on the machine, the state folder that is not ours too, is still said."""
    site = open_site(Recorder(), {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")})

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(Site, "read_env", refuse)
    assert host.bound_ports(site)


@pytest.mark.parametrize(
    ("change", "program", "warning"),
    [
        ({"engine": "28.5.2"}, "engine", ""),
        ({"engine": "29.7.2", "runc": "1.2.4"}, "engine", "newer than those that were tested"),
        ({"engine": "20.10.24"}, "engine", "older than those that were tested (26.1, 28.5)"),
        ({"engine": "27.0.1"}, "engine", "between those that were tested (26.1, 28.5)"),
        ({"engine": "a build of my own"}, "engine", ""),
        ({"compose": "2.40.3"}, "Compose", ""),
        ({"compose": "5.7.1"}, "Compose", "newer than those that were tested (2.26, 2.40)"),
        ({"buildx": "0.36.1"}, "Buildx", "newer than those that were tested (0.13, 0.29)"),
    ],
)
def test_a_version_that_was_not_tried_is_a_warning(
    change: dict[str, str], program: str, warning: str
) -> None:
    rows = {row.name: row for row in judge(dataclasses.replace(READY, **change), NEEDS)}  # type: ignore[arg-type]
    assert all(row.ok for row in rows.values())
    assert rows[program].warning.startswith(warning)
    assert bool(rows[program].warning) == bool(warning)


@pytest.mark.parametrize(
    ("plain", "registry"),
    [
        (("127.0.0.0/8",), "127.0.0.1:5000"),
        (("127.0.0.0/8",), "localhost:5000"),
        (("::1/128", "127.0.0.0/8"), "[::1]:5000"),
        (("127.0.0.1:5000",), "127.0.0.1:5000"),
    ],
)
def test_a_registry_of_this_machine_that_the_engine_takes_as_it_is(
    plain: tuple[str, ...], registry: str
) -> None:
    facts, needs = (
        dataclasses.replace(READY, plain=plain),
        dataclasses.replace(NEEDS, registry=registry),
    )
    (row,) = (row for row in judge(facts, needs) if row.name == "registry")
    assert (row.ok, row.found) == (True, f"{registry}, by plain HTTP")


@pytest.mark.parametrize("registry", ["registry.example:5000", ""])
def test_a_registry_elsewhere_is_not_judged(registry: str) -> None:
    needs = dataclasses.replace(NEEDS, registry=registry)
    rows = judge(dataclasses.replace(READY, plain=()), needs)
    assert "registry" not in {row.name for row in rows}


def test_what_runs_here_is_read(tmp_path: Path) -> None:
    """Of an engine's own answers: which runc it has, and with whom it speaks plain HTTP."""
    version = {"Version": "28.5.2", "Components": [{"Name": "runc", "Version": "1.1.5+ds1"}]}
    info = {
        "RegistryConfig": {
            "InsecureRegistryCIDRs": ["127.0.0.0/8"],
            "IndexConfigs": {"a.example": {"Secure": True}, "b.example:5000": {"Secure": False}},
        }
    }
    assert inspect.runtime(version) == "1.1.5"
    assert inspect.plain_registries(info) == ("127.0.0.0/8", "b.example:5000")
    assert (inspect.runtime({}), inspect.plain_registries({})) == ("", None)


def test_the_page_has_the_table_of_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "versions.md").read_text()
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    said = {row[0].strip(): row[1] for row in rows}
    for program, tested in TESTED.items():
        for major, minor in tested:
            assert f" {major}.{minor} " in said[program].replace(",", " "), program
        assert untested(program, f"{tested[0][0]}.{tested[0][1]}.9") == ""
