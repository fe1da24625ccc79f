"""Change what reaches a container: `verify` and `drift` see it, and a deploy replaces it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import stacks
from tests.engine.helpers import Release, containers, front_port, project
from tests.stacks import Inv

pytestmark = pytest.mark.engine

BEFORE: dict[str, Any] = {
    "mem_limit": "256m",
    "pids_limit": 100,
    "cpus": 1.5,
    "restart": "unless-stopped",
    "hostname": "front-one",
    "labels": {"own": "1"},
    "extra_hosts": ["other:192.0.2.1"],
    "ulimits": {"nofile": 1000},
    "sysctls": {"net.core.somaxconn": "1024"},
    "shm_size": "8m",
    "dns": ["192.0.2.53"],
    "stop_grace_period": "3s",
    "networks": {"default": {"aliases": ["entry"]}},
}
AFTER: dict[str, Any] = {
    "mem_limit": "320m",
    "pids_limit": 120,
    "cpus": 1.0,
    "restart": "on-failure:5",
    "hostname": "front-two",
    "labels": {"own": "2"},
    "extra_hosts": ["other:192.0.2.2"],
    "ulimits": {"nofile": 1200},
    "sysctls": {"net.core.somaxconn": "2048"},
    "shm_size": "16m",
    "dns": ["192.0.2.54"],
    "stop_grace_period": "4s",
    "networks": {"default": {"aliases": ["door"]}},
}


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout


def write(inv: Inv, settings: dict[str, Any], content: str) -> None:
    """The stack, whose front has these settings, a config, a secret and a file of the host."""
    path = inv.folder / "ops/compose/compose.yaml"
    model = yaml.safe_load(path.read_text())
    front = model["services"]["front"]
    front.update(settings)
    front["read_only"] = False
    front["configs"] = [{"source": "app", "target": "/etc/app.conf"}]
    front["secrets"] = ["token"]
    mount = {"type": "bind", "source": str(inv.folder / "host.conf"), "target": "/etc/host.conf"}
    front["volumes"] = [{**mount, "read_only": True}]
    model["configs"] = {"app": {"content": content}}
    model["secrets"] = {"token": {"environment": "TOKEN"}}
    path.write_text(yaml.safe_dump(model, sort_keys=False))


def rows(done: Any) -> dict[str, list[str]]:
    """Kind → what differs of the front."""
    found: dict[str, list[str]] = {}
    for row in done.json["findings"]:
        if row["subjects"] == ["front"]:
            found.setdefault(row["rule"], []).append(row["what"])
    return found


def test_what_is_changed_is_seen_and_replaced(inv: Inv, release: Release, tmp_path: Path) -> None:
    host = inv.folder / "host.conf"
    host.write_text("host v1\n")
    write(inv, BEFORE, "app v1 $$5\n")
    first = release()
    done = inv("deploy", f"--image={first}")
    assert done.code == 0, done
    for words in (("drift", "--json"), ("verify", "--json")):
        same = inv(*words)
        assert (same.code, same.json["findings"]) == (0, []), same

    # By hand, and on the host.
    front = f"{project(inv)}-front-1"
    docker("update", "--memory=300m", "--memory-swap=600m", "--restart=always", front)
    network = f"{project(inv)}_default"
    docker("network", "disconnect", network, front)
    docker("network", "connect", network, front)
    (tmp_path / "app.conf").write_text("by hand\n")
    docker("cp", str(tmp_path / "app.conf"), f"{front}:/etc/app.conf")
    host.unlink()
    host.write_text("host v2\n")
    for words in (("drift", "--json"), ("verify", "--json")):
        found = inv(*words)
        assert found.code == 6, found
        said = rows(found)
        assert said["host-file"] == [
            f"host file {host} has another content than when it was created"
        ]
        told = "; ".join(said["altered"])
        for what in (
            f"mem_limit is {300 << 20}, the release says {256 << 20}",
            "restart is always, the release says unless-stopped",
            f"is not known as entry on the network {network}",
            f"is not known as front on the network {network}",
            "the content of config app at /etc/app.conf is not the release's",
        ):
            assert what in told, told

    # A release that changes all of it, and a rotated secret: each is named, and brought.
    write(inv, AFTER, "app v2 $$5\n")
    stacks.write_env(
        inv.state / "test.env",
        DATA_DIR=str(inv.folder / "data"),
        FRONT_PORT=front_port(inv),
        TOKEN="sk-rotated-2d9f",
    )
    second = release()
    planned = inv("deploy", f"--image={second}", "--plan", "--json")
    assert planned.code == 0, planned
    (change,) = [row for row in planned.json["changes"] if row["service"] == "front"]
    assert change["action"] == "replace"
    assert set(change["keys"]) >= AFTER.keys()
    assert change["contents"] == ["config app", f"host file {host}", "secret token"]
    assert "sk-rotated-2d9f" not in planned.out + planned.err
    before = containers(inv)
    done = inv("deploy", f"--image={second}")
    assert done.code == 0, done
    assert containers(inv)["front"] != before["front"]
    assert docker("exec", front, "cat", "/etc/app.conf") == "app v2 $5\n"
    assert docker("exec", front, "cat", "/etc/host.conf") == "host v2\n"
    assert docker("exec", front, "cat", "/run/secrets/token").strip() == "sk-rotated-2d9f"
    assert "sk-rotated-2d9f" not in docker("inspect", "-f", "{{json .Config.Labels}}", front)
    same = inv("drift", "--json")
    assert (same.code, same.json["findings"]) == (0, []), same

    # What is missing refuses before anything is touched.
    host.unlink()
    for more in (["--plan"], []):
        refused = inv("deploy", f"--image={second}", *more)
        assert refused.code == 2, refused
        assert f"front: host file {host} is not there" in refused.err
        assert "nothing was changed" in refused.err
    gone = inv("drift", "--json")
    assert rows(gone)["host-file"] == [f"host file {host} is gone"], gone
