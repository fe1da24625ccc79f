"""Volumes by name: those of a project, shared ones, external and anonymous ones."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator

import pytest
import yaml

from tests.engine.helpers import Release
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def docker(*words: str) -> None:
    subprocess.run(["docker", *words], check=True, capture_output=True)


@pytest.fixture
def volumes(inv: Inv) -> Iterator[tuple[str, str]]:
    """A volume of somebody else that the front uses, and another one; both go, and the stack's."""
    external, other = (f"morphops-test-{uuid.uuid4().hex[:8]}" for _ in range(2))
    path = inv.folder / "ops/compose/compose.yaml"
    model = yaml.safe_load(path.read_text())
    model["services"]["front"]["volumes"] = ["own:/own", "named:/named", "ext:/ext", "/anonymous"]
    named = f"{external}-named"
    model["volumes"] = {
        "own": {},
        "named": {"name": named},
        "ext": {"name": external, "external": True},
    }
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    docker("volume", "create", external)
    docker("volume", "create", other)
    yield external, other
    project = inv("status", "--json").json["project"]
    docker("rm", "-f", "-v", f"{project}-front-1")
    docker("volume", "rm", external, other, named, f"{project}_own")


def test_another_volume_in_its_place_is_found(
    inv: Inv, release: Release, volumes: tuple[str, str]
) -> None:
    assert inv("deploy", f"--image={release()}").code == 0
    same = inv("drift", "--json")
    assert (same.code, same.json["differences"]) == (0, []), same
    # By hand, with all that the release says but one volume.
    kept = next(inv.state.glob("deployments/*"))
    override = inv.folder / "override.yaml"
    _, other = volumes
    ext = {"name": other, "external": True}
    override.write_text(yaml.safe_dump({"volumes": {"ext": ext}}))
    project = inv("status", "--json").json["project"]
    files = (kept / "files/compose/compose.yaml", kept / "labels.json", override)
    named = [word for file in files for word in ("-f", str(file))]
    env = f"--env-file={kept / 'values.env'}"
    docker(
        "compose", "-p", project, *named, env, "up", "-d", "--no-deps", "--force-recreate", "front"
    )
    found = inv("drift", "--json")
    assert found.code == 6, found
    says = {(row["subject"], row["what"]) for row in found.json["differences"]}
    assert ("front", "its mounts are others: /ext is not as released") in says
    verified = inv("verify")
    assert (verified.code, "front: its mounts are others" in verified.out) == (6, True), verified
    # A release that names another volume brings it, which Compose alone would not.
    path = inv.folder / "ops/compose/compose.yaml"
    model = yaml.safe_load(path.read_text())
    model["volumes"]["ext"]["name"] = other
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    new = release()
    (front,) = [
        change
        for change in inv("deploy", f"--image={new}", "--plan", "--json").json["changes"]
        if change["service"] == "front"
    ]
    assert (front["action"], front["keys"]) == ("replace", ["volumes"]), front
    done = inv("deploy", f"--image={new}")
    assert done.code == 0, done
    assert inv("drift").code == 0
