"""What tests of faults need more: a registry behind a proxy, images that must really be fetched."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from morphops.adapters.base_images.assemble import BaseImage
from tests import stacks
from tests.engine.faults.helpers import SILENT
from tests.engine.helpers import amend
from tests.engine.registry_proxy import Proxy
from tests.stacks import Inv, free_port


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
    """A project whose registry is the proxy, and that gives up after some silent seconds."""
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    inv = stacks.project(tmp_path, name, free_port(), registry=proxy.address)
    amend(inv, pull={"stalled_after": SILENT})
    yield inv
    stacks.remove_stack(name)


@pytest.fixture
def fresh(bases: dict[str, BaseImage], registry: str) -> Callable[[], str]:
    """Makes images of the pair with a layer that no engine has yet."""

    def make() -> str:
        data = os.urandom(300_000)
        return stacks.variant(
            bases["python"], registry, "morphops-test/pair", layer=data, MODE="ok", ROLE="pair"
        )

    return make
