"""A container that cannot be read, and published ranges: no command stops working for them."""

from __future__ import annotations

import dataclasses

import pytest

from morphops.core.release import artifact
from morphops.core.release.release import Release
from morphops.core.stack import Identity, Instance
from morphops.errors import PreconditionError, RolledBack
from morphops.operations import drift
from morphops.operations.deploy import deploy
from morphops.operations.down import down
from morphops.operations.logs import logs
from morphops.operations.release import find
from morphops.operations.status import status
from morphops.testing import FakeContainer
from tests.operations.in_memory.world import COMPOSE, NEW, OLD, OLD_RUNS, PROJECT, World


def unreadable(**changes: object) -> FakeContainer:
    one = Instance("odd", "f" * 64, Identity("config", ""), "unreadable", "none")
    return FakeContainer(PROJECT, dataclasses.replace(one, **changes))  # type: ignore[arg-type]


def test_what_cannot_be_read_is_shown_and_blocks_no_command(running: World) -> None:
    running.engine.add(unreadable(release=OLD.digest))
    seen = status(running.site())
    assert seen.state == "unhealthy"
    assert any("odd" in line for line in seen.differences)
    assert {d.subject for d in drift.look(running.site()).differences} == {"odd"}
    logs(running.site(), ["api"], tail=5)
    running.sicken(NEW)
    with pytest.raises(RolledBack):
        deploy(running.site(), [NEW.digest])
    down(running.site())
    assert running.engine_view() == []


def test_one_that_appears_in_the_middle_does_not_keep_the_rollback_from_working(
    running: World,
) -> None:
    running.sicken(NEW)
    running.engine.faults.at(
        "start api", lambda: running.engine.add(unreadable(managed=False)), times=1
    )
    with pytest.raises(RolledBack):
        deploy(running.site(), [NEW.digest])
    assert {s: v for s, v in running.runs.items() if s != "odd"} == OLD_RUNS


def ranged(version: Release) -> Release:
    text = COMPOSE.replace("127.0.0.1:8123:", "127.0.0.1:8123-8124:")
    files = {**version.files, "compose.yaml": text.encode()}
    made = artifact.encode_release(dataclasses.replace(version, files=files))
    return artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)


def test_of_a_range_one_free_port_is_enough(running: World) -> None:
    release = ranged(NEW)
    find.keep(running.site(), release)
    running.engine.busy.add(("127.0.0.1", 8124, "tcp"))
    deploy(running.site(), [release.digest])
    shown = {service.service: service.ports for service in status(running.site()).services}
    assert shown["api"] == ("127.0.0.1:8123",)


def test_a_range_that_others_have_altogether_is_refused(running: World) -> None:
    release = ranged(NEW)
    find.keep(running.site(), release)
    down(running.site())
    running.engine.busy |= {("127.0.0.1", number, "tcp") for number in (8123, 8124)}
    with pytest.raises(PreconditionError, match="8124 is taken"):
        deploy(running.site(), [release.digest])
