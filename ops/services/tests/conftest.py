"""Real processes on ephemeral ports of 127.0.0.1, and fakes for what lies outside."""

import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import CodeHost, FakeUpstream, Process, server_env
from hypothesis import HealthCheck, settings

from morphogen_pir.manifest import MANIFEST_FILE, Manifest, Source
from morphogen_snapshot.build import Options, build
from morphogen_snapshot.genesis import Genesis, parse_genesis
from morphogen_snapshot.store import install

# How long an example takes says something of the machine only.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SAMPLE = Path(__file__).parents[2] / "samples" / "genesis.json"


@pytest.fixture(autouse=True)
def _keep_signal_handlers() -> Iterator[None]:
    """A test that calls a service's `main` leaves this process as it was."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def genesis() -> Genesis:
    return parse_genesis(SAMPLE.read_bytes())


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory, genesis: Genesis) -> Path:
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    source = Source(file=SAMPLE.name, sha256=digest)
    files = build(genesis, source, Options(block_number=19_000_000))
    directory = tmp_path_factory.mktemp("snapshots") / "sample"
    install(files, directory, replace=False)
    return directory


@pytest.fixture(scope="session")
def manifest(snapshot: Path) -> Manifest:
    return Manifest.from_bytes((snapshot / MANIFEST_FILE).read_bytes())


class Starter:
    """Starts services, and stops whatever still runs at the end.

    Args:
        snapshot: what servers serve.
        manifest: of the snapshot.
        real: whether each service gets an interpreter of its own, and not a fork of one.
    """

    def __init__(self, snapshot: Path, manifest: Manifest, *, real: bool = False) -> None:
        self._snapshot = snapshot
        self._manifest = manifest
        self._real = real
        self._running: list[Process] = []

    def process(self, module: str, *args: str, env: dict[str, str] | None = None) -> Process:
        process = Process(module, args, env or {}, real=self._real)
        self._running.append(process)
        return process

    def server(self, **changes: str) -> Process:
        """A server as production runs it, except for what `changes` in its environment."""
        env = server_env(self._snapshot, self._manifest)
        env |= {f"MORPHOGEN_SERVER_{name}": value for name, value in changes.items()}
        process = self.process("morphogen_server", env=env)
        process.wait_healthy()
        return process

    def adapter(
        self, servers: tuple[str, str], codes: CodeHost, upstream: FakeUpstream, *flags: str
    ) -> Process:
        return self.process(
            "morphogen_rpc_adapter",
            f"--pir-server-a={servers[0]}",
            f"--pir-server-b={servers[1]}",
            "--environment=test",
            *flags,
            env={
                "UPSTREAM_RPC_URL": upstream.url,
                "DICT_URL": codes.url + "/mainnet_compact.dict",
                "CAS_URL": codes.url + "/cas",
                "MORPHOGEN_RPC_ADAPTER_BIND_ADDR": "127.0.0.1:0",
            },
        )

    def close(self) -> None:
        for process in self._running:
            process.close()


@pytest.fixture(scope="session")
def shared(snapshot: Path, manifest: Manifest) -> Iterator[Starter]:
    """For processes that no test stops or changes: started as a container starts them."""
    starter = Starter(snapshot, manifest, real=True)
    yield starter
    starter.close()


@pytest.fixture
def starter(snapshot: Path, manifest: Manifest) -> Iterator[Starter]:
    """For processes of one test."""
    starter = Starter(snapshot, manifest)
    yield starter
    starter.close()


@pytest.fixture(scope="session")
def server(shared: Starter) -> Process:
    return shared.server()


@pytest.fixture(scope="session")
def pair(shared: Starter, server: Process) -> tuple[str, str]:
    return server.url, shared.server().url


@pytest.fixture(scope="session")
def _code_host(snapshot: Path) -> Iterator[CodeHost]:
    with CodeHost(snapshot / "code-data") as host:
        yield host


@pytest.fixture
def code_host(_code_host: CodeHost) -> CodeHost:
    _code_host.replaced.clear()
    _code_host.requests.clear()
    return _code_host


@pytest.fixture(scope="session")
def _upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def upstream(_upstream: FakeUpstream) -> FakeUpstream:
    _upstream.answer = None
    _upstream.requests.clear()
    return _upstream


@pytest.fixture(scope="session")
def adapter(
    shared: Starter, pair: tuple[str, str], _code_host: CodeHost, _upstream: FakeUpstream
) -> Process:
    return shared.adapter(pair, _code_host, _upstream)


@pytest.fixture
def start_adapter(
    starter: Starter, code_host: CodeHost, upstream: FakeUpstream
) -> Callable[..., Process]:
    """Starts an adapter of the test's own in front of two servers."""

    def _start(server_a: str, server_b: str, *flags: str) -> Process:
        return starter.adapter((server_a, server_b), code_host, upstream, *flags)

    return _start


@pytest.fixture
def genesis_file(tmp_path: Path) -> Callable[[Any], Path]:
    def _write(document: Any) -> Path:
        path = tmp_path / "genesis.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return _write
