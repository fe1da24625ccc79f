"""The moving parts of the tests: processes, a static file server, a fake upstream."""

import importlib
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from morphogen_pir.manifest import Manifest

PATIENCE_SECONDS = 20

# One client for all: a new one for each request would load the system's certificates each time.
# No connection is used twice: a service closes an idle one when it likes, and the client's pool,
# asked by many threads, closes one that it has just given to another request.
HTTP = httpx.Client(
    trust_env=False,
    verify=False,
    timeout=PATIENCE_SECONDS,
    headers={"Connection": "close"},
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
)


def clean_env(**extra: str) -> dict[str, str]:
    """The environment without anything that configures a service or sends it through a proxy."""
    ours = re.compile(r"MORPHOGEN_|UPSTREAM_RPC_URL|DICT_URL|CAS_URL|.*_proxy$", re.IGNORECASE)
    return {k: v for k, v in os.environ.items() if not ours.match(k)} | extra


def server_env(snapshot: Path, manifest: Manifest) -> dict[str, str]:
    """What a production manifest sets."""
    values = {
        "BIND_ADDR": "127.0.0.1:0",
        "MATRIX_FILE": str(snapshot / "matrix.bin"),
        "ROW_SIZE_BYTES": "32",
        "SEEDS": ",".join(map(str, manifest.seeds)),
        "BLOCK_NUMBER": str(manifest.block_number),
        "STATE_ROOT": manifest.state_root,
        "PAGE_DOMAIN_BITS": str(manifest.page.domain_bits),
        "PAGE_PRG_KEY_0": "000102030405060708090a0b0c0d0e0f",
        "PAGE_PRG_KEY_1": "0xf0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
    }
    return {f"MORPHOGEN_SERVER_{name}": value for name, value in values.items()}


# Forks of a process that has imported the services already: an import takes a second of CPU.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["morphogen_server.cli", "morphogen_rpc_adapter.cli"])


def _serve(module: str, args: tuple[str, ...], env: dict[str, str], log: str) -> None:
    """What `python -m module` does, in a fork."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.environ.clear()
    os.environ.update(env)
    sys.exit(importlib.import_module(f"{module}.cli").main(args))


class _Interpreter:
    """A service in an interpreter of its own."""

    def __init__(self, module: str, args: tuple[str, ...], env: dict[str, str], log: str) -> None:
        with Path(log).open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *args], env=env, stdout=file, stderr=file
            )
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self) -> int:
        return self._process.wait(PATIENCE_SECONDS)


class _Fork:
    """A service in a fork."""

    def __init__(self, module: str, args: tuple[str, ...], env: dict[str, str], log: str) -> None:
        self._process = _FORKS.Process(target=_serve, args=(module, args, env, log))
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join(PATIENCE_SECONDS)
        code = self._process.exitcode
        assert code is not None, "it does not end"
        return code


class Process:
    """A service in a process of its own, listening on a port that the system chose.

    Args:
        module: what `python -m` would run.
        args: the command line.
        env: variables, in addition to those of this process that configure nothing.
        real: whether it gets an interpreter of its own, and not a fork of one.
    """

    def __init__(
        self, module: str, args: tuple[str, ...], env: dict[str, str], *, real: bool = False
    ) -> None:
        self._log = tempfile.NamedTemporaryFile(prefix=module, suffix=".log")  # noqa: SIM115
        start = _Interpreter if real else _Fork
        self._process = start(module, args, clean_env(**env), self._log.name)
        match = self.wait_for(lambda: re.search(r"listening on (\S+)", self.log))
        self.url = f"http://{match[1]}"
        host, port = match[1].rsplit(":", 1)
        self.address = (host, int(port))

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text()

    def wait_for(self, condition: Any) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if value := condition():
                return value
            if (code := self._process.poll()) is not None:
                raise AssertionError(f"exited with {code}: {self.log}")
            time.sleep(0.02)
        raise AssertionError(f"still not so: {self.log}")

    def wait_healthy(self) -> None:
        self.wait_for(lambda: HTTP.get(self.url + "/health").status_code == 200)

    def get(self, path: str) -> httpx.Response:
        return HTTP.get(self.url + path)

    def post(self, path: str, document: Any, **headers: str) -> httpx.Response:
        return HTTP.post(self.url + path, json=document, headers=headers)

    def rpc(self, method: str, *params: Any) -> dict[str, Any]:
        request = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
        answer: dict[str, Any] = self.post("/", request).json()
        assert answer["id"] == 7
        return answer

    def signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def wait(self) -> int:
        return self._process.wait()

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def close(self) -> None:
        if self._process.poll() is None:
            self.signal(signal.SIGKILL)
            self._process.wait()
        self._log.close()


class _Listener(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


class Threaded:
    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = _Listener(("127.0.0.1", 0), handler)
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class CodeHost(Threaded):
    """Static files with Range, as nginx serves them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.replaced: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        super().__init__(_CodeHandler)


class _CodeHandler(Quiet):
    def do_GET(self) -> None:
        host: CodeHost = self.server.owner  # type: ignore[attr-defined]
        host.requests.append(self.path)
        if self.path in host.redirects:
            return self.reply(302, b"", Location=host.redirects[self.path])
        path = host.root / self.path.lstrip("/")
        if self.path in host.replaced:
            data = host.replaced[self.path]
        elif path.is_file():
            data = path.read_bytes()
        else:
            return self.reply(404, b"")
        match = re.match(r"bytes=(\d+)-(\d+)$", self.headers.get("Range", ""))
        if match:
            return self.reply(206, data[int(match[1]) : int(match[2]) + 1])
        return self.reply(200, data)


class FakeUpstream(Threaded):
    """Answers every method with its own name, and remembers what it was asked."""

    SECRET = "s3cr3tKey0123456789"

    def __init__(self) -> None:
        super().__init__(_UpstreamHandler)
        self.answer: tuple[int, bytes] | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.bare_url = self.url
        self.url = self.url.replace("http://", "http://user:passw0rd@") + f"/v2/{self.SECRET}"

    @contextmanager
    def slow(self) -> Iterator[None]:
        """Answers nothing before it may."""
        self.may_answer.clear()
        try:
            yield
        finally:
            self.may_answer.set()

    @property
    def methods(self) -> list[str]:
        return [json.loads(body)["method"] for body in self.requests]


class _UpstreamHandler(Quiet):
    def do_POST(self) -> None:
        fake: FakeUpstream = self.server.owner  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fake.requests.append(body)
        fake.may_answer.wait(PATIENCE_SECONDS)
        if fake.answer is not None:
            return self.reply(*fake.answer)
        call = json.loads(body)
        result = {"jsonrpc": "2.0", "id": call["id"], "result": f"upstream {call['method']}"}
        return self.reply(200, json.dumps(result).encode())
