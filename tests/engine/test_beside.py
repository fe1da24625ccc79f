"""What somebody does by hand beside a stack: it is in nobody's way, or found and mended."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator

import pytest
import yaml

from tests.engine.helpers import Release
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


def differences(inv: Inv) -> set[tuple[str, str, str]]:
    found = inv("drift", "--json")
    assert found.code in (0, 6), found
    return {(row["kind"], row["subject"], row["what"]) for row in found.json["differences"]}


def test_by_hand(inv: Inv, release: Release) -> None:
    path = inv.folder / "ops/compose/compose.yaml"
    model = yaml.safe_load(path.read_text())
    model["services"]["front"]["environment"]["WHO"] = "${WHO:-nobody}"
    model["services"]["b"]["scale"] = 2
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    good = release()
    # What only this shell says decides nothing, so other shells find what was deployed.
    assert inv("deploy", f"--image={good}", env={"WHO": "alice"}).code == 0
    project = inv("status", "--json").json["project"]
    kept = next(inv.state.glob("deployments/*"))
    compose = (
        *("compose", "-p", project, f"--env-file={kept / 'values.env'}"),
        *("-f", str(kept / "files/compose/compose.yaml"), "-f", str(kept / "labels.json")),
    )

    # Somebody looks around in a container of their own.
    docker(*compose, "run", "-d", "--no-deps", "a", "sleep", "600")
    assert differences(inv) == set()
    again = inv("deploy", f"--image={good}", "--json")
    assert (again.code, again.json["changed"]) == (0, False), again

    # One of two is gone.
    shown = inv("logs", "--service=b", "--json").json["logs"]["b"]
    assert {line.partition(" | ")[0] for line in shown} == {"b-1", "b-2"}
    docker("rm", "-f", f"{project}-b-2")
    assert differences(inv) == {("missing", "b", "1 of 2 containers are there")}
    assert inv("status", "--json").json["state"] == "unhealthy"
    assert inv("verify").code == 6
    up = inv("up", "--json")
    assert up.code == 0, up
    assert {row["service"]: row["action"] for row in up.json["changes"]} == {
        "a": "keep",
        "b": "scale",
        "front": "keep",
    }
    assert differences(inv) == set()


@pytest.fixture
def foreign() -> Iterator[str]:
    """A network of somebody else."""
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


def test_networks(inv: Inv, release: Release, foreign: str) -> None:
    good = release()
    assert inv("deploy", f"--image={good}").code == 0
    assert differences(inv) == set()
    project = inv("status", "--json").json["project"]
    network, services = f"{project}_default", ("a", "b", "front")

    # Somebody's own has one of its containers; then its own is gone.
    docker("network", "connect", foreign, f"{project}-front-1")
    more = ("network", "front", f"is on the network {foreign} as well")
    assert differences(inv) == {more}
    assert inv("status", "--json").json["state"] == "healthy"
    for service in services:
        docker("network", "disconnect", "-f", network, f"{project}-{service}-1")
    docker("network", "rm", network)
    lacks = {("network", name, f"is not on the network {network}") for name in services}
    assert {more, *lacks} <= differences(inv)
    status = inv("status", "--json").json
    assert status["state"] == "unhealthy"
    assert f"a: is not on the network {network}" in status["differences"]
    up = inv("up", "--reason=networks")
    assert up.code == 0, up
    assert differences(inv) == set()

    # A release that wants another one does not get it behind anybody's back.
    path = inv.folder / "ops/compose/compose.yaml"
    options = {"com.docker.network.driver.mtu": "1400"}
    path.write_text(f"{path.read_text()}\nnetworks: {{default: {{driver_opts: {options}}}}}\n")
    other = release()
    refused = inv("deploy", f"--image={other}")
    assert (refused.code, "inv down   (stops" in refused.err) == (3, True), refused
    assert differences(inv) == set()
    assert inv("down").code == 0
    deployed = inv("deploy", f"--image={other}")
    assert deployed.code == 0, deployed
    made = docker("network", "inspect", "-f", "{{json .Options}}", network)
    assert json.loads(made) == options
    assert differences(inv) == set()
