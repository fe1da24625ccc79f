"""What would be left alone and is in the way is refused before anything is touched."""

from __future__ import annotations

import pytest

from morphops.core.plan import preconditions
from morphops.core.stack import Instance, Running
from morphops.errors import PreconditionError
from tests.samples.releases import BUNDLE, container, services

WANTED = services("db", "cache", "api")
DB, CACHE, API = container("db"), container("cache"), container("api")


def sick(name: str, config: str = "c1") -> Instance:
    return container(name, config, health="unhealthy", health_output="503")


@pytest.mark.parametrize(
    ("present", "says"),
    [
        ((), ""),
        ((DB, CACHE, API), ""),
        ((DB, CACHE, container("api", state="paused")), "api is paused"),
        ((DB, CACHE, container("api", "c0", state="paused")), ""),  # it is replaced
        ((container("old", state="paused"), DB, CACHE, API), ""),  # it is removed
        ((container("db", "c0"), CACHE, container("api", state="paused")), "api is paused"),
        ((sick("db"), CACHE, API), "db is unhealthy: 503"),
        ((sick("db"), CACHE, container("api", "c0")), "db is unhealthy: 503"),
        ((sick("db", "c0"), CACHE, API), ""),
        ((DB, CACHE, sick("api")), "api is unhealthy: 503"),
        # What comes before it, or with it, may be what it waits for.
        ((container("db", "c0"), CACHE, sick("api")), ""),
        ((container("db", state="exited"), CACHE, sick("api")), ""),
        ((DB, sick("api")), ""),
        ((sick("db"), API), ""),
        ((container("db", health="starting"), CACHE, API), ""),
    ],
)
def test_what_is_kept_and_stays_broken(present: tuple[Instance, ...], says: str) -> None:
    if not says:
        preconditions.refuse(WANTED, Running(present), BUNDLE)
        return
    with pytest.raises(PreconditionError) as caught:
        preconditions.refuse(WANTED, Running(present), BUNDLE)
    assert caught.value.what == f"{says}, and nothing of this changes that"
    assert caught.value.state == "nothing was changed"


def test_what_to_type_is_said_of_each() -> None:
    present = Running((sick("db"), container("cache", state="paused"), API))
    with pytest.raises(PreconditionError) as caught:
        preconditions.refuse(WANTED, present)
    assert (caught.value.detail, caught.value.hint) == ((), "docker unpause cache-id")
    present = Running((sick("db"), sick("cache"), container("api", state="paused")))
    with pytest.raises(PreconditionError) as caught:
        preconditions.refuse(WANTED, present, BUNDLE)
    assert len(caught.value.detail) == 2
    assert caught.value.hint == (
        "docker unpause api-id; docker restart db-id cache-id   "
        "(or wait for its next check; or inv down; inv up)"
    )
