"""A container that is half replaced: it gets its name, or goes where somebody else has that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.compose import ComposeTarget
from morphops.core.stack import Stack
from tests.adapters.docker.fake_engine import FakeEngine, says

OLD, NEW = "0" * 64, "1" * 64
# In place of the docker client: writes down its words; a name that is taken is refused.
DOCKER = """#!/bin/sh
echo "$*" >>{log}
case "$*" in *rename*) {refuses} ;; esac
"""
# In place of coreutils'.
TIMEOUT = """#!/bin/sh
while test "$1" != docker; do shift; done
exec "$@"
"""


def half_replaced() -> dict[str, Any]:
    """The new container, whose old one is gone already."""
    labels = {"com.docker.compose.service": "app", "com.docker.compose.replace": OLD}
    return {
        "Id": NEW,
        "Name": f"/{OLD[:12]}_shop-redis",
        "Image": "sha256:1",
        "State": {"Status": "created"},
        "Config": {"Labels": labels},
        "HostConfig": {},
    }


@pytest.mark.parametrize(
    ("refuses", "done"),
    [(":", ["rename", "up"]), ("echo Conflict >&2; exit 1", ["rename", "rm", "up"])],
)
def test_who_cannot_get_its_name_goes(
    fake: FakeEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses: str,
    done: list[str],
) -> None:
    fake.answers |= {
        "/info": says({"DriverStatus": []}),
        "/containers/json": says([{"Id": NEW, "Labels": {}}]),
        f"/containers/{NEW}/json": says(half_replaced()),
    }
    log = tmp_path / "log"
    log.touch()
    scripts = {"timeout": TIMEOUT, "docker": DOCKER.format(log=log, refuses=refuses)}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    stack = Stack("p", (tmp_path / "compose.yaml",), tmp_path / "env")
    ComposeTarget(Docker(), str).start(stack, ("app",))
    said = [
        next(word for word in ("rename", "rm", "up") if word in line.split())
        for line in log.read_text().splitlines()
    ]
    assert said == done
