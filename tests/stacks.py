"""What the tests on a real engine need: image variants, data, an env file, an `inv` to call."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from morphops.base_image import BaseImage
from morphops.model import canonical_json, digest_of
from morphops.oci import MANIFEST

HERE = Path(__file__).parent
SECRET = "sk-sentinel-8c1f0e5d"


@dataclass(frozen=True)
class Inv:
    """`inv` as a user calls it, in a project folder, with a state and a registry of its own."""

    folder: Path
    state: Path
    registry: str

    def __call__(self, *words: str, env: Mapping[str, str] | None = None) -> Result:
        """Run it to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.folder,
            env=self.environ | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the calls; nothing of the caller's that could decide something."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MORPHOPS_")}
        return kept | {
            "MORPHOPS_STATE": str(self.state),
            "MORPHOPS_REGISTRY": self.registry,
            "NO_COLOR": "1",
        }


@dataclass(frozen=True)
class Result:
    """How a call came out."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote to stdout, as JSON."""
        return json.loads(self.out)

    def __str__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


def project(folder: Path, name: str, port: int, *, registry: str) -> Inv:
    """A copy of the test stack as a project of its own, with data and an env file.

    Args:
        folder: an empty folder.
        name: the project's name on the engine.
        port: the host port of its front.
        registry: `host:port`.
    """
    ops = folder / "ops"
    shutil.copytree(HERE / "stack", ops)
    bundle = yaml.safe_load((ops / "bundle.yaml").read_text())
    bundle["project"] = name
    (ops / "bundle.yaml").write_text(yaml.safe_dump(bundle, sort_keys=False))
    (folder / "tasks.py").write_text("from morphops.tasks import ns\n")
    state = folder / "state"
    state.mkdir(mode=0o700)
    data(folder / "data", epoch=7)
    write_env(state / "test.env", DATA_DIR=str(folder / "data"), FRONT_PORT=str(port))
    return Inv(folder, state, registry)


def data(folder: Path, *, epoch: int) -> None:
    """A data folder with its manifest."""
    folder.mkdir(exist_ok=True)
    content = b"rows of the data set\n" * 100
    (folder / "data.bin").write_bytes(content)
    manifest = {
        "epoch": epoch,
        "file": "data.bin",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": [{"n": n, "double": 2 * n} for n in range(1, 6)],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def write_env(path: Path, **values: str) -> None:
    """An env file, mode 0600."""
    lines = {"TOKEN": SECRET, **values}
    path.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    path.chmod(0o600)


def remove_images(*references: str) -> None:
    """Remove the images whose names match, as `docker image ls --filter reference=` has it."""
    filters = [word for reference in references for word in ("--filter", f"reference={reference}")]
    listing = ["docker", "image", "ls", "--no-trunc", "-q", *filters]
    found = set(subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split())
    if found:
        remove = ["docker", "image", "rm", "-f", *found]
        subprocess.run(remove, check=False, capture_output=True)


def remove_stack(project: str) -> None:
    """Remove what is left of a project on the engine: containers, networks, its held images."""
    down = ["docker", "compose", "-p", project, "down", "-t", "1", "--remove-orphans"]
    subprocess.run(down, check=False, capture_output=True)
    remove_images(f"morphops/{project}/*")


def variant(base: BaseImage, registry: str, repository: str, **env: str) -> str:
    """Push an image that differs from a base in its environment only.

    Returns:
        the digest of its manifest.
    """
    document = json.loads(base.blob(base.config).read_bytes())
    document["config"]["Env"] = [
        *(document["config"].get("Env") or []),
        *(f"{name}={value}" for name, value in env.items()),
    ]
    config = canonical_json(document)
    manifest = json.loads((base.folder / "manifest").read_bytes())
    manifest["config"] |= {"digest": digest_of(config), "size": len(config)}
    blobs = {layer["digest"]: base.blob(layer["digest"]) for layer in manifest["layers"]}
    url = f"http://{registry}/v2/{repository}"
    with requests.Session() as session:
        session.trust_env = False
        for digest, path in blobs.items():
            with path.open("rb") as stream:
                _put_blob(session, url, digest, stream)
        _put_blob(session, url, digest_of(config), config)
        data_ = canonical_json(manifest)
        digest = digest_of(data_)
        answer = session.put(
            f"{url}/manifests/{digest.removeprefix('sha256:')[:12]}",
            data=data_,
            headers={"Content-Type": manifest.get("mediaType", MANIFEST)},
            timeout=30,
        )
        answer.raise_for_status()
    return digest


def _put_blob(session: requests.Session, url: str, digest: str, data: Any) -> None:
    if session.head(f"{url}/blobs/{digest}", timeout=30).status_code == 200:
        return
    place = session.post(f"{url}/blobs/uploads/", timeout=30).headers["Location"]
    mark = "&" if "?" in place else "?"
    session.put(f"{place}{mark}digest={digest}", data=data, timeout=120).raise_for_status()
