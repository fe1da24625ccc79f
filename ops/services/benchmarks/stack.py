"""Two servers and an adapter as processes of their own, and what they cost."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self
from urllib.request import urlopen

SAMPLE = Path(__file__).parents[2] / "samples" / "genesis.json"
_TICKS = os.sysconf("SC_CLK_TCK")
_START_SECONDS = 60


class Service:
    """A process that says where it listens."""

    def __init__(self, source: Path, module: str, *flags: str, **env: str) -> None:
        self._log = tempfile.NamedTemporaryFile(prefix=module)  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *flags],
            env=os.environ | {"PYTHONPATH": str(source), "OPENBLAS_NUM_THREADS": "1"} | env,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.port = int(self._await(r"listening on \S+:(\d+)"))
        self.url = f"http://127.0.0.1:{self.port}"
        self._await_health()

    def _await(self, pattern: str) -> str:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            text = Path(self._log.name).read_text()
            if match := re.search(pattern, text):
                return match[1]
            if self.process.poll() is not None:
                raise RuntimeError(text)
            time.sleep(0.02)
        raise RuntimeError(f"{pattern} did not come")

    def _await_health(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            try:
                with urlopen(self.url + "/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("not healthy: " + Path(self._log.name).read_text())

    def cpu_seconds(self) -> float:
        """What all its threads have used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(60)
        self._log.close()


class Stack:
    """The sample snapshot behind a pair and an adapter.

    Args:
        source: the folder `src` of the version to run.
    """

    def __init__(self, source: Path) -> None:
        self._folder = tempfile.TemporaryDirectory()
        out = Path(self._folder.name) / "snapshot"
        subprocess.run(
            [
                *(sys.executable, "-m", "morphogen_snapshot.cli", "build"),
                *("--from", str(SAMPLE), "--out", str(out)),
            ],
            env=os.environ | {"PYTHONPATH": str(source)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        manifest = json.loads((out / "manifest.json").read_text())
        values = {
            "BIND_ADDR": "127.0.0.1:0",
            "MATRIX_FILE": str(out / "matrix.bin"),
            "ROW_SIZE_BYTES": "32",
            "SEEDS": ",".join(map(str, manifest["seeds"])),
            "PAGE_DOMAIN_BITS": str(manifest["page"]["domain_bits"]),
            "PAGE_PRG_KEY_0": "000102030405060708090a0b0c0d0e0f",
            "PAGE_PRG_KEY_1": "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        }
        env = {f"MORPHOGEN_SERVER_{name}": value for name, value in values.items()}
        self.services = [Service(source, "morphogen_server", **env) for _ in "AB"]
        pair = [f"--pir-server-{x}={s.url}" for x, s in zip("ab", self.services, strict=True)]
        self.services.append(
            Service(
                source,
                "morphogen_rpc_adapter",
                "--environment=test",
                *pair,
                UPSTREAM_RPC_URL="http://127.0.0.1:9",
                MORPHOGEN_RPC_ADAPTER_BIND_ADDR="127.0.0.1:0",
            )
        )
        self.address = ("127.0.0.1", self.services[-1].port)
        alloc = json.loads(SAMPLE.read_text())["alloc"]
        # Address → balance, as the genesis file itself says it.
        self.balances = {
            "0x" + address.removeprefix("0x").lower(): hex(int(account["balance"], 0))
            for address, account in alloc.items()
        }

    def cpu_seconds(self) -> float:
        """What the three processes have used so far."""
        return sum(service.cpu_seconds() for service in self.services)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for service in reversed(self.services):
            service.stop()
        self._folder.cleanup()
