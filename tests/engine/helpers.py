"""What the tests on a real engine ask and do, beside calling `inv`."""

from __future__ import annotations

import stat
import subprocess
from typing import Any

import requests
import yaml

from morphops.operations import status as operations_status
from morphops.operations.release import create
from morphops.site import open_site
from tests.fakes import Recorder
from tests.results import valid
from tests.stacks import Inv


class Release:
    """Makes releases of the test stack: `release(pair="v2")`.

    In this process where that is possible: most tests begin with two of them, and to start the
    interpreter takes longer than to make one. The task has tests of its own.
    """

    def __init__(self, inv: Inv, images: dict[str, str]) -> None:
        self._inv = inv
        self._images = images

    def __call__(self, pair: str = "ok", front: str = "ok") -> str:
        images = [
            f"pair={self._images[f'pair-{pair}']}",
            f"front={self._images[f'front-{front}']}",
        ]
        if not self._inv.network:
            bundle = {"MORPHOPS_BUNDLE": str(self._inv.folder / "ops/bundle.yaml")}
            site = open_site(Recorder(), self._inv.environ | bundle)
            return create.create(site, images, ()).release.digest
        made = self._inv("release.create", *(f"--image={image}" for image in images), "--json")
        assert made.code == 0, made
        return str(made.json["release"])


def ask(inv: Inv, number: int = 4) -> object:
    """What the front answers, asked without morphops."""
    request = {"id": 1, "method": "double", "params": [number]}
    url = f"http://127.0.0.1:{front_port(inv)}/"
    return requests.post(url, json=request, timeout=600).json()["result"]


def front_port(inv: Inv) -> str:
    """The host port of the front, as the env file has it."""
    lines = (inv.state / "test.env").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("FRONT_PORT"))


def actions(view: dict[str, Any]) -> dict[str, str]:
    """Service → what a deploy did to it."""
    return {change["service"]: change["action"] for change in view["changes"]}


LABEL = "com.docker.compose.project"


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


def status(inv: Inv) -> dict[str, Any]:
    """What `inv status` shows; in this process where the engine can be reached from it."""
    if inv.network:
        view: dict[str, Any] = inv("status", "--json").json
        return view
    bundle = {"MORPHOPS_BUNDLE": str(inv.folder / "ops/bundle.yaml")}
    result = operations_status.status(open_site(Recorder(), inv.environ | bundle))
    return valid("status", result)


def assert_runs(inv: Inv, release: str) -> None:
    """What `inv status` says of it; see `assert_whole`."""
    assert_whole(status(inv), release)


def assert_serves(inv: Inv, release: str) -> None:
    """Whole, as `inv status` says, and it answers a caller without morphops."""
    assert_runs(inv, release)
    assert ask(inv) == 8


def assert_whole(view: Any, release: str) -> None:
    """Release of record, image of every container, health, and the pair's own answers."""
    assert (view["release"], view["state"]) == (release, "healthy"), view
    assert view["services"], view
    assert all(row["image"]["matches"] for row in view["services"]), view
    assert view["probes"]["pair"]["ready"], view
    assert view["under_way"] is None, view


def hook(inv: Inv, moment: str, script: str) -> None:
    """Put a hook into the bundle of the working tree."""
    path = inv.folder / "ops" / moment
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    bundle = inv.folder / "ops" / "bundle.yaml"
    document = yaml.safe_load(bundle.read_text())
    document["hooks"] = {moment: {"run": moment, "timeout": 600}}
    bundle.write_text(yaml.safe_dump(document, sort_keys=False))
