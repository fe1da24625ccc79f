"""What the tests on a real engine need: image variants, data, an env file, an `inv` to call."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import itertools
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import yaml

from morphops.adapters.base_images import assemble
from morphops.adapters.base_images.assemble import BaseImage
from morphops.adapters.docker import image_store
from morphops.adapters.docker.client import Docker
from morphops.core.release.artifact import INDEX, MANIFEST
from morphops.core.release.digest import canonical_json, digest_of
from tests import forked
from tests.forked import Started
from tests.paths import OPS, ROOT, STACK
from tests.results import hold_to_schema

OWN_STACK = ROOT / "docs" / "tutorial.md"
# Bases are made from packages in seconds; kept between runs, since a recipe's digest names one.
STORE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "morphops-tests"
SECRET = "sk-sentinel-8c1f0e5d"

# Below those that the kernel gives to whoever asks for any, and others for each worker: what was
# free a moment ago is not somebody else's by the time that it is used.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_FIRST = 10_000 + _WORKER % 10 * 2_200
# Runs that begin together have process numbers close to each other, so that is no place to begin.
_BEGIN = secrets.randbelow(2_200)
_PORTS = itertools.cycle(_FIRST + (_BEGIN + offset) % 2_200 for offset in range(2_200))

ANNOUNCED = ("begin", "step", "end")

_LONG = 1800  # seconds: a machine may be many times overloaded

_KILLED = """
import os, signal, sys
from invoke.main import program
from morphops.adapters.store.hash_chain import HashChain
at, kinds, stop = int(sys.argv.pop(1)), sys.argv.pop(1).split(","), int(sys.argv.pop(1))
append, written = HashChain.append, []
def count(chain, entry, **how):
    hash_ = append(chain, entry, **how)
    if entry["entry"] in kinds:
        written.append(hash_)
        if len(written) == stop:
            os.kill(os.getpid(), signal.SIGTERM)
        if len(written) == at:
            os.kill(os.getpid(), signal.SIGKILL)
    return hash_
HashChain.append = count
sys.exit(program.run())
"""


def free_port() -> int:
    """A port that nobody listens on, and that was not given before."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


@dataclass(frozen=True)
class Inv:
    """`inv` as a user calls it, in a project folder, with a state and a registry of its own.

    `network` is the file of the network namespace that it runs in, and `extra` variables more,
    where it is to run on another engine than this machine's. Without `real` a call is a fork of a
    process that has imported morphops (`tests.forked`), and not an interpreter of its own.
    """

    folder: Path
    state: Path
    registry: str
    network: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    real: bool = False

    def __call__(self, *words: str, env: Mapping[str, str] | None = None) -> Result:
        """Run it to its end."""
        environ = self.environ | dict(env or {})
        if self.real:
            done = self._interpreted(environ, *words)
        else:
            done = self._forked(forked.INVOKE, forked.invoke_argv(words), environ)
        if "--json" in words and done.out.startswith("{"):
            hold_to_schema(words[0], done.json)
        return done

    def script(self, code: str, *words: str) -> Result:
        """Run it by a Python script of the test's own, which is given these arguments."""
        return self._forked(code, ("-c", *words), self.environ)

    def _forked(self, code: str, argv: Sequence[str], environ: Mapping[str, str]) -> Result:
        ended = forked.run(
            code,
            argv,
            folder=self.folder,
            environ=environ,
            timeout=_LONG,
            network=self.network,
        )
        return Result(*ended)

    def _interpreted(self, environ: Mapping[str, str], *words: str) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "invoke", *words],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=_LONG,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str) -> Started:
        """Start it and return at once."""
        return self.start_script(forked.INVOKE, *forked.invoke_argv(words))

    def start_script(self, code: str, *argv: str) -> Started:
        """Start a script of the test's own, with this `sys.argv`, and return at once."""
        return forked.start(
            code, argv, folder=self.folder, environ=self.environ, network=self.network
        )

    def killed(
        self, at: int, *words: str, kinds: Sequence[str] = ANNOUNCED, stopped: int = 0
    ) -> Result:
        """Run it, and kill it (SIGKILL) when it has written so many entries of these kinds.

        Args:
            at: how many.
            words: of the task.
            kinds: of entries.
            stopped: after how many it is told to stop before that (SIGTERM), so that it goes back.
        """
        return self.script(_KILLED, str(at), ",".join(kinds), str(stopped), *words)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the calls; nothing of the caller's that could decide something."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MORPHOPS_")}
        return kept | {
            "MORPHOPS_STATE": str(self.state),
            "MORPHOPS_REGISTRY": self.registry,
            "MORPHOPS_AGE_IDENTITY": str(self.folder / "identity.txt"),
            "NO_COLOR": "1",
            **self.extra,
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
    shutil.copytree(STACK, ops)
    bundle = yaml.safe_load((ops / "bundle.yaml").read_text())
    bundle["project"] = name
    (ops / "bundle.yaml").write_text(yaml.safe_dump(bundle, sort_keys=False))
    (folder / "tasks.py").write_text("from morphops.tasks import ns\n")
    state = folder / "state"
    state.mkdir(mode=0o700)
    data(folder / "data", epoch=7)
    write_env(state / "test.env", DATA_DIR=str(folder / "data"), FRONT_PORT=str(port))
    return Inv(folder, state, registry)


def own_stack(folder: Path) -> None:
    """The files that docs/tutorial.md shows, as a project in an empty folder."""
    fences = r"^(`{3,})\w+ \{file=(\S+)\}\n(.*?)^\1$"
    found = re.findall(fences, OWN_STACK.read_text(), re.DOTALL | re.MULTILINE)
    assert len(found) == 5
    for _, name, text in found:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


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


def bases(*names: str) -> dict[str, BaseImage]:
    """Base images by name; without names those of the tests' own stack."""
    recipes = assemble.load_recipes(OPS / "docker" / "bases.yaml")
    STORE.mkdir(parents=True, exist_ok=True)
    with (STORE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes them, the others find them
        made = assemble.make(recipes, names or ("python", "registry"), store=STORE, say=print)
    return {image.name: image for image in made}


def load(client: Docker, image: BaseImage, tag: str) -> str:
    """Put a base image into the engine under a tag, and return its ID."""
    return image_store.load(client, tag, image.ids, assemble.archive(image, tag))


def remove_images(*references: str) -> None:
    """Let go of the names that match, as `docker image ls --filter reference=` has it.

    Never by id: the same image may have other names, of whoever else tests on this engine.
    """
    filters = [word for reference in references for word in ("--filter", f"reference={reference}")]
    names = "{{.Repository}}:{{.Tag}}\n{{.Repository}}@{{.Digest}}"
    listing = ["docker", "image", "ls", "--digests", "--format", names, *filters]
    lines = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    if found := {line for line in lines if "<none>" not in line}:
        remove = ["docker", "image", "rm", *found]
        subprocess.run(remove, check=False, capture_output=True)


def pause(container: str) -> None:
    """Pause a container. runc tries to for some milliseconds, and on a busy machine in vain."""
    words = ["docker", "pause", container]
    end = time.monotonic() + _LONG
    while (done := subprocess.run(words, check=False, capture_output=True, text=True)).returncode:
        assert time.monotonic() < end, done.stderr
        time.sleep(0.2)


def remove_stack(project: str) -> None:
    """Remove what is left of a project on the engine: containers, networks, its held images."""
    down = ["docker", "compose", "-p", project, "down", "-t", "1", "--remove-orphans"]
    subprocess.run(down, check=False, capture_output=True)
    forget(project)
    remove_holds(project)


def hold(project: str, repository: str, release: str) -> str:
    """The tag by which a release of a project holds an image of a repository of `tests/stack`."""
    return f"{repository}:morphops-{project}-{release[7:19]}"


def remove_holds(project: str) -> None:
    """Let go of the tags by which a project holds images, whatever their repositories are."""
    tags = [f"--filter=reference={depth}:morphops-{project}-*" for depth in ("*", "*/*", "*/*/*")]
    listing = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", *tags]
    if found := subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split():
        subprocess.run(["docker", "image", "rm", *found], check=False, capture_output=True)


def forget(project: str) -> None:
    """Let the engine forget the history of a project."""
    listing = ["docker", "volume", "ls", "-q", "--filter", f"label=morphops.head={project}"]
    heads = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    if heads:
        subprocess.run(["docker", "volume", "rm", *heads], check=True, capture_output=True)


def variant(
    base: BaseImage,
    registry: str,
    repository: str,
    *,
    entrypoint: Sequence[str] = (),
    layer: bytes = b"",
    config: Mapping[str, Any] | None = None,
    history: Sequence[str] = (),
    **env: str,
) -> str:
    """Push an image that differs from a base in its configuration, and in one layer more.

    It names its registry, so that no two runs on one engine have an image in common.

    Args:
        base: what it is made from.
        registry, repository: where to.
        entrypoint: of its containers; none: that of the base.
        layer: content of a file in a layer of its own; none: it has the layers of the base.
        config: more of its configuration (OCI image spec, config), or other than `starting(60)`.
        history: how more layers were made, which are empty.
        env: of its containers.

    Returns:
        the digest of its manifest.
    """
    document = json.loads(base.blob(base.config).read_bytes())
    document["config"]["Env"] = [
        *(document["config"].get("Env") or []),
        *(f"{name}={value}" for name, value in {**env, "REGISTRY": registry}.items()),
    ]
    if entrypoint:
        document["config"]["Entrypoint"] = list(entrypoint)
    document["config"] |= starting(60) | dict(config or {})
    said = [{"created_by": text, "empty_layer": True} for text in history]
    document["history"] = [*document.get("history", ()), *said]
    packed, unpacked = _layer(layer) if layer else (b"", b"")
    if layer:
        document["rootfs"]["diff_ids"].append(digest_of(unpacked))
        document.pop("history", None)
    configured = canonical_json(document)
    manifest = json.loads((base.folder / "manifest").read_bytes())
    manifest["config"] |= {"digest": digest_of(configured), "size": len(configured)}
    blobs = {below["digest"]: base.blob(below["digest"]) for below in manifest["layers"]}
    if layer:
        kind = manifest["layers"][0]["mediaType"]
        size, name = len(packed), digest_of(packed)
        manifest["layers"].append({"mediaType": kind, "digest": name, "size": size})
    url = f"http://{registry}/v2/{repository}"
    with requests.Session() as session:
        session.trust_env = False
        for digest, path in blobs.items():
            with path.open("rb") as stream:
                _put_blob(session, url, digest, stream)
        _put_blob(session, url, digest_of(configured), configured)
        if layer:
            _put_blob(session, url, digest_of(packed), packed)
        data_ = canonical_json(manifest)
        digest = digest_of(data_)
        answer = session.put(
            f"{url}/manifests/{digest.removeprefix('sha256:')[:12]}",
            data=data_,
            headers={"Content-Type": manifest.get("mediaType", MANIFEST)},
            timeout=_LONG,
        )
        answer.raise_for_status()
    return digest


def starting(seconds: float, *, interval: float = 0.2) -> dict[str, Any]:
    """Of an image's configuration: for how long a health check that fails means nothing.

    Compose files that leave these out get them from the image.

    Args:
        seconds: for how long.
        interval: seconds to the first check and between those of that time.
    """
    return {
        "Healthcheck": {
            "StartPeriod": int(seconds * 10**9),
            "StartInterval": int(interval * 10**9),
        }
    }


# The first check comes when a check that fails counts already. So it is known at once, where a
# second one would come after the interval of a service that runs.
SICK = starting(0.9, interval=1)


def index(registry: str, repository: str, digest: str) -> str:
    """Push an index of one image, as a build for several platforms makes.

    Returns:
        its digest.
    """
    url = f"http://{registry}/v2/{repository}/manifests"
    with requests.Session() as session:
        session.trust_env = False
        image = session.get(f"{url}/{digest}", headers={"Accept": MANIFEST}, timeout=_LONG)
        image.raise_for_status()
        described = {
            "mediaType": image.headers["Content-Type"],
            "digest": digest,
            "size": len(image.content),
            "platform": {"os": "linux", "architecture": "amd64"},
        }
        data_ = canonical_json(
            {"schemaVersion": 2, "mediaType": INDEX, "manifests": [described]},
        )
        made = digest_of(data_)
        tag = f"{url}/index-{made.removeprefix('sha256:')[:12]}"
        session.put(
            tag, data=data_, headers={"Content-Type": INDEX}, timeout=_LONG
        ).raise_for_status()
    return made


def _layer(content: bytes) -> tuple[bytes, bytes]:
    """A layer with one file: compressed, and as it is."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo("layer")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0), plain.getvalue()


def _put_blob(session: requests.Session, url: str, digest: str, data: Any) -> None:
    if session.head(f"{url}/blobs/{digest}", timeout=_LONG).status_code == 200:
        return
    place = session.post(f"{url}/blobs/uploads/", timeout=_LONG).headers["Location"]
    mark = "&" if "?" in place else "?"
    session.put(f"{place}{mark}digest={digest}", data=data, timeout=_LONG).raise_for_status()
