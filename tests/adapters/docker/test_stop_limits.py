"""How long the engine is given to stop containers follows from how long they are given to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.compose import START_LIMIT, STOP_LIMIT, ComposeTarget
from morphops.core.stack import Stack
from tests.adapters.docker.fake_engine import FakeEngine, says

# In place of coreutils': writes down the limit and the docker command, and ends.
TIMEOUT = """#!/bin/sh
limit=$3
while test "$1" != docker; do shift; done
echo "$limit $*" >>{log}
"""


def container(number: int, service: str, timeout: int | None) -> dict[str, Any]:
    labels = {"com.docker.compose.service": service}
    return {
        "Id": f"id{number}",
        "Name": f"/{service}-{number}",
        "Image": "sha256:1",
        "State": {"Status": "running"},
        "Config": {"Labels": labels} | ({} if timeout is None else {"StopTimeout": timeout}),
        "HostConfig": {},
    }


@pytest.mark.parametrize(
    ("timeouts", "more"),
    [
        ((), 0),
        ((("a", None),), 10),  # the engine's own
        ((("a", 1), ("b", 200)), 201),  # one may have to wait for the other
        ((("a", -1),), 24 * 3600),  # never killed
        ((("a", 1), ("a", 200)), 200),  # those of one service are stopped together
    ],
)
def test_the_limit_follows_from_what_there_is(
    fake: FakeEngine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    timeouts: Sequence[tuple[str, int | None]],
    more: float,
) -> None:
    there = [container(number, *given) for number, given in enumerate(timeouts)]
    fake.answers |= {
        "/info": says({"DriverStatus": []}),
        "/containers/json": says([{"Id": one["Id"], "Labels": {}} for one in there]),
        **{f"/containers/{one['Id']}/json": says(one) for one in there},
    }
    log = tmp_path / "log"
    log.touch()
    for name, text in {"timeout": TIMEOUT.format(log=log), "docker": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DOCKER_HOST", fake.url)
    target = ComposeTarget(Docker(), str)
    target.start(Stack("p", (tmp_path / "compose.yaml",), tmp_path / "env"), ("a", "b"))
    target.remove("p", ("a", "b"))
    target.teardown("p")
    limits = {
        word: float(line.split()[0])
        for line in log.read_text().splitlines()
        for word in ("up", "stop", "rm", "down")
        if word in line.replace("remove", "rm").split()
    }
    start, stop = START_LIMIT + more, STOP_LIMIT + more
    expected = {"up": start, "down": stop} | ({"stop": stop, "rm": stop} if timeouts else {})
    assert limits == expected
