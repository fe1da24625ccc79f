"""`--plan`: what would change, told exactly, and nothing changed by it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests import stacks
from tests.engine.helpers import Release, actions, containers, front_port
from tests.stacks import SECRET, Inv

pytestmark = pytest.mark.engine

NO_NAMES: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}


def project(inv: Inv) -> str:
    return str(inv("status", "--json").json["project"])


def planned(inv: Inv, *words: str) -> dict[str, Any]:
    done = inv(*words, "--plan", "--json")
    assert done.code == 0, done
    assert SECRET not in done.out + done.err
    view: dict[str, Any] = done.json
    return view


def kept(inv: Inv) -> dict[str, Any]:
    """Everything that a plan must leave as it is."""
    url = f"http://{inv.registry}/v2/morphops-test/releases/tags/list"
    return {
        "state": sorted(
            str(path.relative_to(inv.state)) for path in inv.state.rglob("*") if path.is_file()
        ),
        "history": (inv.state / "history.jsonl").read_text(),
        "containers": containers(inv),
        "releases": requests.get(url, timeout=600).json(),
    }


def test_a_plan_tells_what_changes_and_changes_nothing(
    inv: Inv, release: Release, images: dict[str, str], tmp_path: Path
) -> None:
    good = release()
    first = planned(inv, "deploy", f"--image={good}")
    assert (first["schema"], first["state"], first["project"]) == (1, "planned", project(inv))
    assert (first["release"], first["previous"], first["changed"]) == (good, "", True)
    assert actions(first) == {"a": "create", "b": "create", "front": "create"}
    assert first["undo"] == {"release": "", "steps": ["stop and remove everything"]}
    assert containers(inv) == {}
    assert inv("deploy", f"--image={good}").code == 0

    same = planned(inv, "deploy", f"--image={good}")
    assert same["changed"] is False
    assert set(actions(same).values()) == {"keep"}

    # Other values, one more service, and another command line: of a variable only its name.
    other, compose = tmp_path / "other.env", inv.folder / "ops" / "compose" / "compose.yaml"
    stacks.write_env(
        other,
        TOKEN=f"{SECRET}-2",
        DATA_DIR=str(inv.folder / "data"),
        FRONT_PORT=front_port(inv),
        COMPOSE_PROFILES="extra",
    )
    model = compose.read_text()
    compose.write_text(model.replace("retries: 1", "retries: 2").replace("-uc", "-Buc"))
    changed = release(pair="v2")
    before = kept(inv)
    view = planned(inv, "deploy", f"--image={changed}", f"--env-file={other}")
    assert (view["release"], view["previous"]) == (changed, good)
    a, _, extra, front = view["changes"]
    assert a == {
        "service": "a",
        "action": "replace",
        "compared_with": "release",
        "image": {
            "from": f"{inv.registry}/morphops-test/pair@{images['pair-ok']}",
            "to": f"{inv.registry}/morphops-test/pair@{images['pair-v2']}",
        },
        "variables": NO_NAMES | {"changed": ["TOKEN"]},
        "keys": ["command", "healthcheck"],
        "contents": [],
        "because": "",
    }
    assert (extra["action"], extra["image"]["from"]) == ("create", "")
    assert front["image"]["from"] == front["image"]["to"]
    assert front["variables"] == NO_NAMES | {"added": ["EXTRA"], "changed": ["TOKEN"]}
    assert [wave["services"] for wave in view["waves"]] == [["a", "b"], ["front", "extra"]]
    assert [wave["probes"] for wave in view["waves"]] == [["pair"], ["answers"]]
    assert view["checks"] == ["data"]
    assert view["undo"]["release"] == good
    assert view["undo"]["steps"][0] == "remove extra"
    text = inv("deploy", f"--image={changed}", f"--env-file={other}", "--plan")
    assert text.code == 0, text
    assert SECRET not in text.out + text.err
    short = {name: digest.removeprefix("sha256:")[:12] for name, digest in images.items()}
    for line in (
        f"    image: {short['pair-ok']} → {short['pair-v2']}",
        "    variables: adds EXTRA; other value of TOKEN",
        "    configuration: command, healthcheck",
        "  1. a b: healthy within 60 s, then pair",
        f"on failure: release {good.removeprefix('sha256:')[:12]} comes back:",
    ):
        assert line in text.out
    assert kept(inv) == before


def test_a_partial_release_and_its_rollback_are_planned_without_being_made(
    inv: Inv, release: Release, images: dict[str, str]
) -> None:
    good = release()
    assert inv("deploy", f"--image={good}").code == 0
    before = kept(inv)
    words = ("deploy", f"--image=front={images['front-v2']}")
    view = planned(inv, *words)
    assert actions(view) == {"a": "keep", "b": "keep", "front": "replace"}
    front = view["changes"][-1]
    assert front["image"]["to"].endswith(images["front-v2"])
    assert (front["variables"], front["keys"]) == (NO_NAMES, [])
    assert kept(inv) == before
    done = inv(*words, "--json")
    assert done.code == 0, done
    # What was planned is what is made, under the same name.
    assert (done.json["release"], done.json["changes"]) == (view["release"], view["changes"])

    # A bare digest that is an image of just one repository means the same.
    bare = inv("deploy", f"--image={images['front-v2']}", "--json")
    assert (bare.code, bare.json["changed"]) == (0, False), bare

    before = kept(inv)
    back = planned(inv, "rollback")
    assert (back["release"], back["previous"]) == (good, view["release"])
    assert actions(back) == {"a": "keep", "b": "keep", "front": "replace"}
    assert back["undo"]["release"] == view["release"]
    assert kept(inv) == before


def test_without_a_record_what_runs_is_compared(inv: Inv, release: Release) -> None:
    assert inv("deploy", f"--image={release()}").code == 0
    subprocess.run(["docker", "stop", "-t", "1", f"{project(inv)}-b-1"], check=True)
    path = inv.folder / "ops" / "compose" / "compose.yaml"
    model = yaml.safe_load(path.read_text())
    front = model["services"]["front"]
    front |= {"user": "10002:10002", "environment": front["environment"] | {"MORE": "1"}}
    path.write_text(yaml.safe_dump(model))
    changed = release(front="v2")
    (inv.state / "history.jsonl").unlink()
    view = planned(inv, "deploy", f"--image={changed}", "--no-rollback")
    assert actions(view) == {"a": "keep", "b": "start", "front": "replace"}
    found = view["changes"][-1]
    assert (found["compared_with"], found["keys"]) == ("labels", ["user"])
    assert found["variables"] == NO_NAMES | {"added": ["MORE"]}
    assert found["image"]["from"] != found["image"]["to"]
    assert (view["previous"], view["undo"]) == ("", None)
