"""A migration on a real engine: once, failing, undone, and a rollback across it."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from tests.engine.helpers import Release, actions, amend, containers, project, status
from tests.stacks import Inv

pytestmark = pytest.mark.engine


class Migrations:
    """The test stack with a migration before its front; what each did is a line in a volume."""

    def __init__(self, inv: Inv, release: Release, image: str) -> None:
        self._inv, self._release, self._image = inv, release, image

    def release(self, number: int, *, code: int = 0, front: str = "ok", **job: object) -> str:
        """A release with this migration, which ends with a code."""
        path = self._inv.folder / "ops/compose/compose.yaml"
        model = yaml.safe_load(path.read_text())
        writes = {"image": "${PAIR_IMAGE:?is not set}", "volumes": ["schema:/schema"]}
        model["services"] |= {
            "migrate": {
                **writes,
                "restart": "no",
                "command": ["sh", "-c", f"echo up {number} | tee -a /schema/log; exit {code}"],
                "depends_on": {"a": {"condition": "service_healthy"}},
            },
            "migrate-down": {
                **writes,
                "profiles": ["undo"],
                "command": ["sh", "-c", f"echo down {number} | tee -a /schema/log"],
            },
        }
        done = {"migrate": {"condition": "service_completed_successfully"}}
        model["services"]["front"]["depends_on"] |= done
        model["volumes"] = {"schema": {}}
        path.write_text(yaml.safe_dump(model, sort_keys=False))
        waves = [
            {"services": ["a", "b"], "deadline": 60, "probes": ["pair"]},
            {"services": ["migrate"]},
            {"services": ["front", "extra"], "deadline": 60, "probes": ["answers"]},
        ]
        amend(self._inv, waves=waves, jobs={"migrate": {"undo": "migrate-down", **job}})
        return self._release(front=front)

    @property
    def did(self) -> list[str]:
        """What the migrations did, in order."""
        volume = f"{project(self._inv)}_schema:/schema"
        words = ["docker", "run", "--rm", "-v", volume, self._image, "cat", "/schema/log"]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()


def test_a_migration_from_the_first_deploy_to_a_rollback(
    inv: Inv, release: Release, images: dict[str, str], registry: str
) -> None:
    image = f"{registry}/morphops-test/pair@{images['pair-ok']}"
    migrations = Migrations(inv, release, image)
    first = migrations.release(1)
    done = inv("deploy", f"--image={first}", "--json")
    assert done.code == 0, done
    assert actions(done.json)["migrate"] == "run"
    assert migrations.did == ["up 1"]
    (log,) = inv.state.glob("deployments/*/jobs/migrate.log")
    assert log.read_text() == "up 1\n"
    seen = status(inv)
    assert (seen["state"], seen["jobs"][0]["state"]) == ("healthy", "done"), seen
    assert inv("drift").code == 0
    migrated = containers(inv)["migrate"]

    # The same migration, and another front; then one that fails.
    assert inv("deploy", f"--image={migrations.release(1, front='v2')}").code == 0
    assert containers(inv)["migrate"] == migrated
    failed = inv("deploy", f"--image={migrations.release(2, code=3)}")
    assert failed.code == 4, failed
    assert "job migrate failed: exit code 3" in failed.err
    assert "what migrate did to the data stays" in failed.err
    assert migrations.did == ["up 1", "up 2"]
    assert status(inv)["state"] == "healthy"

    # One that can be taken back, and is; one that cannot.
    assert inv("deploy", f"--image={migrations.release(3)}").code == 0
    back = inv("rollback", "--reason=test")
    assert back.code == 0, back
    assert migrations.did[2:] == ["up 3", "down 3"]
    assert set(containers(inv)) == {"a", "b", "front"}
    assert inv("deploy", f"--image={migrations.release(4, undo='')}").code == 0
    refused = inv("rollback", "--reason=test")
    assert refused.code == 3, refused
    assert "migrate ran for " in refused.err
    assert inv("rollback", "--across-jobs", "--reason=test").code == 0
    assert migrations.did[4:] == ["up 4"]
    assert (status(inv)["state"], inv("drift").code) == ("healthy", 0)
