"""What tests of faults need more: a registry behind a proxy, images that must really be fetched."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from morphops.adapters.base_images.assemble import BaseImage
from tests import stacks
from tests.engine.registry_proxy import Proxy
from tests.engine.second_engine import SecondEngine, missing
from tests.stacks import Inv, Result, free_port

LABEL = "com.docker.compose.project"


@pytest.fixture
def proxy(registry: str) -> Iterator[Proxy]:
    """A proxy before the registry, on a port of its own; `proxy.address`."""
    address = ("127.0.0.1", free_port())
    made = Proxy(registry, lambda: socket.create_server(address), f"127.0.0.1:{address[1]}")
    made.up()
    yield made
    made.down()
    stacks.remove_images(f"{made.address}/*/*")


@pytest.fixture
def through(tmp_path: Path, proxy: Proxy, images: dict[str, str]) -> Iterator[Inv]:
    """A project whose registry is the proxy, and that gives up after two silent seconds."""
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    inv = stacks.project(tmp_path, name, free_port(), registry=proxy.address)
    amend(inv, pull={"stalled_after": 2})
    yield inv
    stacks.remove_stack(name)


class Elsewhere:
    """A second engine, and a proxy on its loopback under the address of the registry here."""

    def __init__(self, folder: Path, registry: str, **config: object) -> None:
        name = f"morphops-test-{uuid.uuid4().hex[:8]}"
        self.engine = SecondEngine(folder, name, config)
        port = int(registry.rpartition(":")[2])
        self.proxy = Proxy(registry, lambda: self.engine.listen(port), registry)

    @contextmanager
    def there(self) -> Iterator[Elsewhere]:
        """Started, and whatever happens, gone again."""
        if why := missing():
            pytest.skip(why) if not os.environ.get("CI") else pytest.fail(why)
        try:
            self.engine.start()
            self.proxy.up()
            yield self
        finally:
            self.proxy.down()
            self.engine.stop()

    def project(self, folder: Path) -> Inv:
        """A project whose containers run there."""
        name = f"morphops-test-{uuid.uuid4().hex[:8]}"
        inv = stacks.project(folder, name, free_port(), registry=self.proxy.address)
        extra = {"DOCKER_HOST": self.engine.host}
        return dataclasses.replace(inv, within=self.engine.enter, extra=extra)

    def remove(self, inv: Inv) -> None:
        """Take a project away; its images go with the engine."""
        listed = self.engine.docker("ps", "-aq", "--filter", f"label={LABEL}={project(inv)}")
        self.engine.docker("rm", "-f", *listed.stdout.split(), check=False)


@pytest.fixture
def fresh(bases: dict[str, BaseImage], registry: str) -> Callable[[], str]:
    """Makes images of the pair with a layer that no engine has yet."""

    def make() -> str:
        data = os.urandom(300_000)
        return stacks.variant(
            bases["python"], registry, "morphops-test/pair", layer=data, MODE="ok", ROLE="pair"
        )

    return make


def amend(inv: Inv, **keys: object) -> None:
    """Replace keys of a project's bundle."""
    path = inv.folder / "ops" / "bundle.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | keys, sort_keys=False))


def project(inv: Inv) -> str:
    """A project's name on the engine."""
    return str(yaml.safe_load((inv.folder / "ops" / "bundle.yaml").read_text())["project"])


def containers(inv: Inv) -> dict[str, str]:
    """Service → container id of what is there, as the engine says and not morphops."""
    listing = ["docker", "ps", "-a", "--filter", f"label={LABEL}={project(inv)}", "--format"]
    said = subprocess.run(
        [*listing, '{{.Label "com.docker.compose.service"}} {{.ID}}'],
        env=inv.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in said.stdout.splitlines())


def deploy(inv: Inv, release: str) -> None:
    """Deploy what is good."""
    done = inv("deploy", f"--image={release}")
    assert done.code == 0, done


def assert_runs(inv: Inv, release: str) -> None:
    """What `inv status` says of it; see `assert_whole`."""
    assert_whole(inv("status", "--json").json, release)


def assert_whole(view: Any, release: str) -> None:
    """Release of record, image of every container, health, and the pair's own answers."""
    assert (view["release"], view["state"]) == (release, "healthy"), view
    assert view["services"], view
    assert all(row["image"]["matches"] for row in view["services"]), view
    assert view["probes"]["pair"]["ready"], view
    assert view["under_way"] is None, view


def during(process: subprocess.Popen[str], line: str, happens: Callable[[], None]) -> Result:
    """Let something happen when a task has said a line with these words in it."""
    said: list[str] = []
    assert process.stderr is not None
    for text in process.stderr:
        said.append(text)
        if line in text:
            break
    else:
        raise AssertionError(f"it never said {line!r}: {''.join(said)}")
    rest: list[str] = []
    reader = threading.Thread(target=lambda: rest.extend(process.stderr or ()))
    reader.start()
    happens()
    try:
        code = process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    reader.join()
    return Result(code, "", "".join(said + rest))
