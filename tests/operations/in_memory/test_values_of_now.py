"""An earlier release with the env file of today, in memory."""

from __future__ import annotations

import pytest

from morphops.core.release import artifact
from morphops.core.release.digest import digest_of
from morphops.core.release.release import Release
from morphops.errors import InputError, PreconditionError
from morphops.operations.deploy import deploy
from morphops.operations.rollback import rollback
from tests.operations.in_memory.world import (
    BUNDLE,
    COMPOSE,
    NEW,
    NEW_RUNS,
    OLD,
    OLD_RUNS,
    PROJECT,
    SCHEMA,
    World,
    image,
)
from tests.results import valid

LATER = f"{SCHEMA}  PRICES: {{about: Which prices., default: new, secret: true}}\n"


def later_release() -> Release:
    """A release with one more variable."""
    images = dict([image("db", "1"), image("api", "3")])
    files = {
        "bundle.yaml": BUNDLE,
        "schema.yaml": LATER,
        "compose.yaml": COMPOSE.replace("{TOKEN: ", "{PRICES: '${PRICES:-new}', TOKEN: "),
    }
    made = artifact.encode(
        project=PROJECT,
        images=list(images),
        files={name: text.encode() for name, text in files.items()},
        manifests={digest_of(data): data for data in images.values()},
        labels={},
    )
    return artifact.decode(made.digest, made.manifest, made.blobs.__getitem__)


def level(world: World) -> set[str]:
    """The option that the variable LEVEL decides, as containers have it."""
    workloads = world.site().platform.workloads
    shapes = workloads.launch_configs(workloads.observe(PROJECT)).values()
    return {word for shape in shapes for word in shape.argv if "level" in word}


def test_the_values_of_then_and_of_now(running: World) -> None:
    running.set(LEVEL="debug")
    deploy(running.site(), [NEW.digest])
    running.set(LEVEL="warning")
    rollback(running.site(), reason="slow")
    assert (running.runs, level(running)) == (OLD_RUNS, {"--level=info"})
    deploy(running.site(), [NEW.digest])
    plan = valid("rollback", rollback(running.site(), with_values="now", plan_only=True))
    assert plan["release"] == OLD.digest
    assert running.runs == NEW_RUNS
    rollback(running.site(), with_values="now", reason="slow")
    assert (running.runs, level(running)) == (OLD_RUNS, {"--level=warning"})
    # It took the place of what it went back to, so there is nothing before it.
    with pytest.raises(PreconditionError, match="no earlier release"):
        rollback(running.site(), reason="slow")


def test_variables_that_came_later_are_named_and_left_out(running: World) -> None:
    new = later_release()
    running.keep(new)
    running.set(PRICES="sk-of-prices")
    deploy(running.site(), [new.digest])
    rollback(running.site(), with_values="now", reason="wrong prices")
    assert running.runs == OLD_RUNS
    (told,) = (line for line in running.observer.lines if "is newer than" in line)
    assert told.endswith("which does not know PRICES and is not given it")
    assert not any("sk-of-prices" in line for line in running.observer.lines)
    kept = running.site().state.deployment(running.records[-1].deployment).values.read_text()
    assert "PRICES" not in kept
    assert "PRICES" not in running.records[-1].variables


def test_an_older_release_takes_a_newer_env_file(running: World) -> None:
    new = later_release()
    running.keep(new)
    running.set(PRICES="low")
    deploy(running.site(), [new.digest])
    deploy(running.site(), [OLD.digest])
    assert running.runs == OLD_RUNS
    # By the working tree as well, where the release of record does not know it either.
    (running.folder / "ops/schema.yaml").write_text(LATER)
    deploy(running.site(), [NEW.digest])
    assert running.runs == NEW_RUNS


def test_a_variable_that_nobody_knows_is_a_typing_error(running: World) -> None:
    running.set(PRICSE="low")
    with pytest.raises(InputError, match="PRICSE is not a variable of this stack"):
        deploy(running.site(), [NEW.digest])


def test_what_the_older_release_requires_has_to_be_there(running: World) -> None:
    deploy(running.site(), [NEW.digest])
    path = running.folder / "state/shop.env"
    path.write_text(path.read_text().replace("TOKEN=", "LEVEL="))
    with pytest.raises(InputError, match="TOKEN is missing"):
        rollback(running.site(), with_values="now", reason="slow")
    assert running.runs == NEW_RUNS


def test_other_values_than_these_two(running: World) -> None:
    with pytest.raises(InputError, match="write then"):
        rollback(running.site(), with_values="new", reason="slow")
