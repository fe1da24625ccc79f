"""A release never brings what it does not carry: refused by deploy as by the check."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from morphops.core.release import artifact
from morphops.errors import ConfigError, InputError
from morphops.operations.deploy import deploy
from morphops.operations.release import find
from morphops.operations.release.create import working_files
from tests.operations.in_memory.world import COMPOSE, OLD, World

API = "    image: ${API_IMAGE:?is not set}\n"
INCLUDED = [
    "    env_file: [{path: ./app.env, required: false}]\n",
    "    env_file: /etc/hostname\n",
    "    extends: {file: /etc/hostname, service: x}\n",
    "    label_file: /etc/hostname\n",
]
MOUNTED = [
    "    volumes: [./data:/data]\n",
    "    volumes: [../data:/data]\n",
    "    volumes: [../../../../../../../data:/data]\n",
    "    volumes: [{type: bind, source: ../data, target: /data}]\n",
]


@pytest.mark.parametrize("more", INCLUDED + MOUNTED)
def test_deploy_refuses_it(running: World, more: str) -> None:
    files = {**OLD.files, "compose.yaml": COMPOSE.replace(API, API + more).encode()}
    made = artifact.encode_release(dataclasses.replace(OLD, files=files))
    find.keep(running.site(), artifact.decode(made.digest, made.manifest, made.blobs.__getitem__))
    with pytest.raises(InputError, match="does not carry them") as refused:
        deploy(running.site(), [made.digest])
    assert refused.value.detail[0].startswith(("compose.yaml:", "api: "))
    assert (refused.value.state, bool(refused.value.hint)) == ("nothing was changed", True)
    assert running.outcomes == [("deploy", "deployed")]


@pytest.mark.parametrize("more", INCLUDED)
def test_no_release_is_made_with_it(world: World, more: str) -> None:
    Path(world.folder / "ops/compose.yaml").write_text(COMPOSE.replace(API, API + more))
    with pytest.raises(ConfigError, match="a release does not carry"):
        working_files(world.site())


def test_a_path_of_the_host_is_mounted(running: World) -> None:
    more = "    volumes: [{type: bind, source: /etc/hostname, target: /x, read_only: true}]\n"
    files = {**OLD.files, "compose.yaml": COMPOSE.replace(API, API + more).encode()}
    made = artifact.encode_release(dataclasses.replace(OLD, files=files))
    find.keep(running.site(), artifact.decode(made.digest, made.manifest, made.blobs.__getitem__))
    deploy(running.site(), [made.digest])


# Four hundred million values in as many bytes as this.
BOMB = "x-0: &a0 [x]\n" + "".join(
    f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


def test_what_is_without_measure_is_refused_before_anybody_reads_it(running: World) -> None:
    files = {**OLD.files, "compose.yaml": (COMPOSE + BOMB).encode()}
    made = artifact.encode_release(dataclasses.replace(OLD, files=files))
    find.keep(running.site(), artifact.decode(made.digest, made.manifest, made.blobs.__getitem__))
    with pytest.raises(ConfigError, match="its aliases repeat values") as refused:
        deploy(running.site(), [made.digest], plan_only=True)
    assert refused.value.exit_code == 2
    (running.folder / "ops/compose.yaml").write_text(COMPOSE + BOMB)
    with pytest.raises(ConfigError, match="its aliases repeat values"):
        working_files(running.site())
