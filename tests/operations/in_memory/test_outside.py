"""What a stack needs and does not make is looked for before anything is touched."""

from __future__ import annotations

import dataclasses

import pytest

from morphops.core.release import artifact
from morphops.core.release.release import Release
from morphops.errors import MorphopsError
from morphops.operations.deploy import deploy
from morphops.operations.down import down
from morphops.operations.release import find
from morphops.operations.up import up
from tests.operations.in_memory.world import COMPOSE, OLD, World

API = "    image: ${API_IMAGE:?is not set}\n"
# What is added to api, and to the end of the file; what is said; the exit code.
LACKING = {
    "a network": (
        "    networks: [edge]\n",
        "networks: {edge: {external: true, name: shop-edge}}\n",
        "the external network shop-edge is not there",
        3,
    ),
    "a volume": (
        "    volumes: [shared:/x]\n",
        "  shared: {external: true}\n",
        "the external volume shared is not there",
        3,
    ),
    "a name": (
        "    container_name: shop-redis\n",
        "",
        "the container name shop-redis is taken by a container of other",
        3,
    ),
    "a runtime": ("    runtime: nvidia\n", "", "the engine has no runtime nvidia", 3),
    "a GPU": (
        "    gpus: all\n",
        "",
        "api: could not select device driver",
        3,
    ),
    "a place for logs": (
        "    logging: {driver: syslog, options: {syslog-address: 'tcp://10.0.0.9:514'}}\n",
        "",
        "api: failed to initialize logging driver",
        3,
    ),
    "a platform": (
        "    platform: linux/arm64\n",
        "",
        "api: asks for linux/arm64, and its image is for linux/amd64",
        2,
    ),
}


def made(world: World, more: str, end: str) -> Release:
    text = COMPOSE.replace(API, API + more) + end
    files = {**OLD.files, "compose.yaml": text.encode()}
    made = artifact.encode_release(dataclasses.replace(OLD, files=files))
    release = artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)
    find.keep(world.site(), release)
    return release


@pytest.mark.parametrize("what", LACKING)
@pytest.mark.parametrize("plan_only", [True, False])
def test_what_is_missing_is_found_before_anything_is_touched(
    running: World, what: str, plan_only: bool
) -> None:
    more, end, says, code = LACKING[what]
    running.engine.names["shop-redis"] = "a container of other"
    running.engine.refuses |= {
        "gpus": "could not select device driver",
        "log driver syslog": "failed to initialize logging driver",
    }
    release = made(running, more, end)
    before = [c.id for c in running.engine_view()]
    with pytest.raises(MorphopsError) as refused:
        deploy(running.site(), [release.digest], plan_only=plan_only)
    assert says in refused.value.message()
    assert refused.value.exit_code == code
    assert refused.value.state == "nothing was changed"
    assert refused.value.hint
    assert [c.id for c in running.engine_view()] == before
    assert running.outcomes == [("deploy", "deployed")]


@pytest.mark.parametrize("what", ["a GPU", "a place for logs"])
def test_what_runs_needs_no_start(running: World, what: str) -> None:
    release = made(running, *LACKING[what][:2])
    deploy(running.site(), [release.digest])
    running.engine.refuses |= {"gpus": "no GPU any more", "log driver syslog": "no answer"}
    deploy(running.site(), [release.digest])
    down(running.site(), reason="x")
    with pytest.raises(MorphopsError, match="the engine does not start api") as refused:
        up(running.site(), reason="x")
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("what", ["a network", "a volume"])
def test_what_is_there_is_used(running: World, what: str) -> None:
    more, end, _, _ = LACKING[what]
    running.engine.shared |= {"shop-edge", "shared"}
    deploy(running.site(), [made(running, more, end).digest])
    down(running.site())
    running.engine.shared.clear()
    with pytest.raises(MorphopsError, match="is not there"):
        up(running.site())


@pytest.mark.parametrize("platform", ["linux/amd64", ""])
def test_a_platform_that_fits(running: World, platform: str) -> None:
    more = f"    platform: {platform}\n" if platform else ""
    deploy(running.site(), [made(running, more, "").digest])


def test_what_ends_is_not_deployed(running: World) -> None:
    release = made(running, "    restart: 'no'\n", "")
    with pytest.raises(MorphopsError, match="restart: no is for what ends") as refused:
        deploy(running.site(), [release.digest])
    assert (refused.value.exit_code, running.engine.calls) == (2, [])
