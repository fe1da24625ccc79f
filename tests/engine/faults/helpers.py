"""A second engine with a project on it, and a fault at a given line."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import stacks
from tests.engine.helpers import (
    LABEL,
    project,
)
from tests.engine.registry_proxy import Proxy
from tests.engine.second_engine import SecondEngine, missing
from tests.forked import Started
from tests.stacks import Inv, Result, free_port

# Seconds: below the five after which an engine asks again, so that this comes first.
SILENT = 3


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
        return dataclasses.replace(inv, network=self.engine.network, extra=extra)

    def remove(self, inv: Inv) -> None:
        """Take a project away; its images go with the engine."""
        listed = self.engine.docker("ps", "-aq", "--filter", f"label={LABEL}={project(inv)}")
        self.engine.docker("rm", "-f", *listed.stdout.split(), check=False)


def during(process: Started, line: str, happens: Callable[[], None]) -> Result:
    """Let something happen when a task has said a line with these words in it."""
    said: list[str] = []
    for text in process.stderr:
        said.append(text)
        if line in text:
            break
    else:
        raise AssertionError(f"it never said {line!r}: {''.join(said)}")
    rest: list[str] = []
    reader = threading.Thread(target=lambda: rest.extend(process.stderr))
    reader.start()
    happens()
    try:
        code = process.wait(600)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    reader.join()
    return Result(code, "", "".join(said + rest))
