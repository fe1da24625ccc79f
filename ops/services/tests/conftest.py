"""Real processes on ephemeral ports of 127.0.0.1, and fakes for what lies outside."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import CodeHost, FakeUpstream, Process, ServerKeys, server_env

from morphogen_pir.manifest import MANIFEST_FILE, Manifest, Source
from morphogen_snapshot.build import Options, build
from morphogen_snapshot.genesis import Genesis, parse_genesis
from morphogen_snapshot.store import install

SAMPLE = Path(__file__).parents[2] / "samples" / "genesis.json"


@pytest.fixture(scope="session")
def genesis() -> Genesis:
    return parse_genesis(SAMPLE.read_bytes())


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory, genesis: Genesis) -> Path:
    digest = hashlib.sha256(SAMPLE.read_bytes()).hexdigest()
    files = build(genesis, Source(file=SAMPLE.name, sha256=digest), Options(block_number=19_000_000))
    directory = tmp_path_factory.mktemp("snapshots") / "sample"
    install(files, directory, replace=False)
    return directory


@pytest.fixture(scope="session")
def manifest(snapshot: Path) -> Manifest:
    return Manifest.from_bytes((snapshot / MANIFEST_FILE).read_bytes())


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Starts a service; whatever still runs at the end of the test is stopped."""
    running: list[Process] = []

    def _start(module: str, *args: str, env: dict[str, str] | None = None) -> Process:
        process = Process(module, args, env or {})
        running.append(process)
        return process

    yield _start
    for process in running:
        process.close()


@pytest.fixture
def start_server(start: Callable[..., Process], snapshot: Path, manifest: Manifest) -> Any:
    def _start(keys: ServerKeys | None = None, **changes: str) -> Process:
        process = start("morphogen_server", env=server_env(snapshot, manifest, keys) | changes)
        process.wait_healthy()
        return process

    return _start


@pytest.fixture
def code_host(snapshot: Path) -> Iterator[CodeHost]:
    with CodeHost(snapshot / "code-data") as host:
        yield host


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


@pytest.fixture
def start_adapter(
    start: Callable[..., Process], code_host: CodeHost, upstream: FakeUpstream
) -> Callable[..., Process]:
    def _start(server_a: str, server_b: str, *flags: str) -> Process:
        return start(
            "morphogen_rpc_adapter",
            f"--pir-server-a={server_a}",
            f"--pir-server-b={server_b}",
            "--environment=test",
            *flags,
            env={
                "UPSTREAM_RPC_URL": upstream.url,
                "DICT_URL": code_host.url + "/mainnet_compact.dict",
                "CAS_URL": code_host.url + "/cas",
                "MORPHOGEN_RPC_ADAPTER_BIND_ADDR": "127.0.0.1:0",
            },
        )

    return _start


@pytest.fixture
def genesis_file(tmp_path: Path) -> Callable[[Any], Path]:
    def _write(document: Any) -> Path:
        path = tmp_path / "genesis.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return _write
