"""What services are given beside their images: a change is seen, named, and brought."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.store.history_file import HistoryReader
from morphops.adapters.store.state_folder import StateFolder
from morphops.core.release import artifact
from morphops.core.release.digest import digest_of
from morphops.core.release.release import Release
from morphops.errors import InputError, PreconditionError, RolledBack
from morphops.operations import drift
from morphops.operations.deploy import deploy
from morphops.operations.history.adopt import adopt
from morphops.operations.release import find
from morphops.operations.up import up
from morphops.operations.verify import verify
from morphops.site import Site
from tests.operations.in_memory.world import COMPOSE, NEW, OLD, SECRET, World, image
from tests.results import valid

GIVEN = """
    configs: [app]
    secrets: [token]
    mem_limit: "1000"
    volumes: ["${HOST_FILE:?is not set}:/etc/host.conf:ro"]
configs:
  app: {content: CONTENT}
secrets:
  token: {environment: TOKEN}
"""
VARIABLE = "  HOST_FILE: {about: A file of the host., required: true}\n"


def release(content: str, more: str = "") -> Release:
    """The first release, whose `api` is given a config, a secret and a file of the host."""
    images = dict([image("db", "1"), image("api", "1")])
    before, after = COMPOSE.split("volumes:\n  rows:")
    given = GIVEN.replace("CONTENT", content).replace("    mem_limit", f"{more}    mem_limit")
    text = f"{before.rstrip()}{given}volumes:\n  rows:{after}"
    files = {**OLD.files, "compose.yaml": text.encode()}
    files["schema.yaml"] += VARIABLE.encode()
    made = artifact.encode(
        project="shop",
        images=list(images),
        files=files,
        manifests={digest_of(data): data for data in images.values()},
        labels={},
    )
    return artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)


FIRST, SECOND = release("one"), release("two")


@pytest.fixture
def given(world: World) -> World:
    """The first of these releases runs."""
    host_file(world).write_text("host 1")
    world.set(HOST_FILE=str(host_file(world)))
    for one in (FIRST, SECOND):
        find.keep(world.site(), one)
    deploy(world.site(), [FIRST.digest])
    return world


def host_file(world: World) -> Path:
    return world.folder / "host.conf"


def of_api(done: dict[str, Any]) -> dict[str, Any]:
    change: dict[str, Any]
    (change,) = [change for change in done["changes"] if change["service"] == "api"]
    return change


def differences(world: World) -> set[tuple[str, str]]:
    """What drift finds of the `api`, which is also what `verify` finds."""
    found = valid("drift", drift.look(world.site()))
    told = {(row["rule"], row["what"]) for row in found["findings"]}
    verified = valid("verify", verify(world.site()))
    assert {(row["rule"], row["what"]) for row in verified["findings"]} == told
    return told


def test_what_was_deployed_is_as_released(given: World) -> None:
    assert differences(given) == set()
    assert not valid("deploy", deploy(given.site(), [FIRST.digest]))["changed"]


def test_another_content_of_a_config_replaces_what_is_given_it(given: World) -> None:
    planned = valid("deploy", deploy(given.site(), [SECOND.digest], plan_only=True))
    assert of_api(planned)["contents"] == ["config app"]
    done = of_api(valid("deploy", deploy(given.site(), [SECOND.digest])))
    assert (done["action"], done["contents"], done["keys"]) == ("replace", ["config app"], [])
    assert differences(given) == set()


def test_a_rotated_secret_replaces_what_is_given_it(given: World) -> None:
    given.set(HOST_FILE=str(host_file(given)), TOKEN="another-secret")
    done = valid("deploy", deploy(given.site(), [FIRST.digest]))
    assert of_api(done)["contents"] == ["secret token"]
    assert "another-secret" not in json.dumps(done)
    marks = "".join(
        path.read_text() for path in given.folder.glob("state/deployments/*/labels.json")
    )
    assert "another-secret" not in marks
    assert SECRET not in marks


def test_a_changed_file_of_the_host_is_drift_and_the_next_start_replaces(given: World) -> None:
    host_file(given).write_text("host 2")
    path = host_file(given)
    what = f"host file {path} has another content than when it was created"
    assert differences(given) == {("host-file", what)}
    done = of_api(valid("up", up(given.site())))
    assert (done["action"], done["compared_with"]) == ("replace", "labels")
    assert done["contents"] == [f"host file {path}"]
    assert differences(given) == set()


def test_a_failed_deploy_brings_back_what_ran_with_the_file_of_now(given: World) -> None:
    host_file(given).write_text("host 2")
    given.set()
    given.sicken(NEW)
    with pytest.raises(RolledBack):
        deploy(given.site(), [NEW.digest])
    assert differences(given) == set()


@pytest.mark.parametrize("plan_only", [True, False])
def test_a_file_that_is_missing_refuses_before_anything(given: World, plan_only: bool) -> None:
    host_file(given).unlink()
    before = list(given.engine.calls)
    with pytest.raises(InputError, match=r"host file .* is not there"):
        deploy(given.site(), [SECOND.digest], plan_only=plan_only)
    assert given.engine.calls == before
    assert {kind for kind, _ in differences(given)} == {"host-file"}


def test_a_copy_cannot_be_given_to_what_is_read_only(given: World) -> None:
    closed = release("one", more="    read_only: true\n")
    find.keep(given.site(), closed)
    before = list(given.engine.calls)
    with pytest.raises(InputError, match="copied into the container"):
        deploy(given.site(), [closed.digest])
    assert given.engine.calls == before


def test_what_is_changed_by_hand_is_drift(given: World) -> None:
    given.engine.update("api", mem_limit="2000")
    assert differences(given) == {("altered", "mem_limit is 2000, the release says 1000")}


def test_what_lies_inside_is_read(given: World) -> None:
    (api,) = [c for c in given.engine.of_project("shop") if c.instance.service == "api"]
    api.files["/app"] = b"by hand"
    del api.files["/run/secrets/token"]
    assert differences(given) == {
        ("altered", "the content of config app at /app is not the release's"),
        ("altered", "the content of secret token at /run/secrets/token is not there"),
    }


def test_what_was_changed_by_hand_is_replaced_by_the_next_start(given: World) -> None:
    given.engine.update("api", mem_limit="2000")
    (api,) = [c for c in given.engine.of_project("shop") if c.instance.service == "api"]
    api.files["/app"] = b"by hand"
    planned = of_api(valid("deploy", deploy(given.site(), [FIRST.digest], plan_only=True)))
    assert (planned["action"], planned["keys"]) == ("replace", ["configs", "mem_limit"])
    assert valid("up", up(given.site()))["changed"]
    assert differences(given) == set()


def test_a_failed_deploy_leaves_what_was_changed_by_hand(given: World) -> None:
    """It was so before, so it must not make the way back fail."""
    given.engine.update("db", mem_limit="2000")
    given.set()
    given.sicken(NEW)
    with pytest.raises(RolledBack):
        deploy(given.site(), [NEW.digest])


def elsewhere(world: World, **values: str) -> Site:
    """The site of another operator, whose state folder has the release and an env file."""
    site = world.site()
    state = world.folder / "other-state"
    state.mkdir(mode=0o700, exist_ok=True)
    lines = (world.folder / "state/shop.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines) | values
    env = state / "shop.env"
    env.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    env.chmod(0o600)
    folder = StateFolder(state)
    other = replace(site, state=folder, history=HistoryReader(state / "history.jsonl"))
    find.keep(other, FIRST)
    return other


def test_what_another_state_folder_created_is_proven_by_what_it_is(given: World) -> None:
    """Its digests have another key; values and copies are compared as they are."""
    with pytest.raises(PreconditionError) as refused:
        adopt(elsewhere(given, TOKEN="wrong"), reason="lost")
    told = refused.value.message()
    assert "api: the value of TOKEN is another" in told
    assert "api: the content of secret token at /run/secrets/token is not the release's" in told
    site = elsewhere(given)
    assert valid("history.adopt", adopt(site, reason="lost"))["release"] == FIRST.digest
    assert drift.look(site).findings == ()
    before = {c.service: c.id for c in given.engine_view()}
    assert of_api(valid("up", up(site)))["compared_with"] == "container"
    after = {c.service: c.id for c in given.engine_view()}
    assert before["api"] != after["api"]
    assert not valid("up", up(site))["changed"]


@pytest.fixture
def earlier(running: World) -> World:
    """What an earlier version deployed: nothing says what its parts are."""
    for container in running.engine.of_project("shop"):
        container.instance = replace(container.instance, config="c0", parts=None)
    for path in running.folder.glob("state/deployments/*/labels.json"):
        marks = json.loads(path.read_text())["marks"]
        old = {name: {"release": mark["release"], "config": "c0"} for name, mark in marks.items()}
        path.write_text(json.dumps({"marks": old}))
    return running


def test_what_an_earlier_version_deployed_is_replaced_once(earlier: World) -> None:
    assert all("earlier version" in what for _, what in differences(earlier))
    done = valid("deploy", deploy(earlier.site(), [OLD.digest]))
    assert {change["action"] for change in done["changes"]} == {"replace"}
    assert {change["compared_with"] for change in done["changes"]} == {"container"}
    assert differences(earlier) == set()
    assert not valid("deploy", deploy(earlier.site(), [OLD.digest]))["changed"]


def test_what_an_earlier_version_deployed_comes_back(earlier: World) -> None:
    earlier.sicken(NEW)
    with pytest.raises(RolledBack):
        deploy(earlier.site(), [NEW.digest])
    assert differences(earlier) == set()


def test_up_brings_what_an_earlier_version_deployed(earlier: World) -> None:
    assert valid("up", up(earlier.site()))["changed"]
    assert differences(earlier) == set()
