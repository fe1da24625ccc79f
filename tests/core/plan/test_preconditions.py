"""What would be left alone and is in the way is refused before anything is touched."""

from __future__ import annotations

import pytest

from morphops.core.plan import preconditions
from morphops.core.stack import Instance, Port, Running
from morphops.errors import InputError, PreconditionError
from tests.samples.plans import Remedies, decided
from tests.samples.releases import BUNDLE, RELEASE, container, service, services

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
    found = tuple(preconditions.stuck(WANTED, Running(present), Remedies(), BUNDLE))
    expected = [f"{says}, and this plan would not restart it"] if says else []
    assert [reason.what for reason in found] == expected


def test_what_to_type_is_said_of_each() -> None:
    present = Running((sick("db"), container("cache", state="paused"), API))
    (found,) = preconditions.stuck(WANTED, present, Remedies(), None)
    assert (found.detail, found.hint) == ((), "unpause cache-id")
    present = Running((sick("db"), sick("cache"), container("api", state="paused")))
    (found,) = preconditions.stuck(WANTED, present, Remedies(), BUNDLE)
    assert len(found.detail) == 2
    assert found.hint == (
        "unpause api-id; inv restart db cache   (or wait for its next check; or inv down; inv up)"
    )


def test_every_reason_is_told_at_once() -> None:
    running = Running((container("db", managed=False), container("cache", state="paused"), API))
    services_ = {**WANTED, "web": service("web", ports=(Port("", 80, 80),))}
    with pytest.raises(InputError) as caught:
        decided(BUNDLE, RELEASE, services_, running, taken={("", 80, "tcp")})
    assert caught.value.what == "4 reasons not to begin"
    assert caught.value.state == "nothing was changed"
    assert [line for line in caught.value.detail if not line.startswith("  ")] == [
        "project shop has containers that no release created: db",
        f"release {RELEASE.short} does not fit together",
        "web: port *:80 is taken by another process",
        "cache is paused, and this plan would not restart it",
    ]
    assert "  next: unpause cache-id" in caught.value.detail
    # What the release is not to blame for is no bad input.
    with pytest.raises(PreconditionError) as later:
        decided(BUNDLE, RELEASE, WANTED, running)
    assert (type(later.value), later.value.exit_code) == (PreconditionError, 3)
