"""One rule for a digest that a person shortens, whichever command it is typed to.

Where something known here is looked at, pinned or gone back to, the first 12 hex digits or more do.
Where something is brought, all 64 are needed, and the error says the digest that was meant.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.release.digest import canonical_json, digest_of
from morphops.errors import InputError, IntegrityError, MorphopsError, PreconditionError
from morphops.operations import audit, deploy, pull, rollback
from morphops.operations.release import pin, show
from morphops.site import Site, open_site
from tests.fakes import FakeTarget, Place, Recorder, Remembering
from tests.paths import STACK
from tests.results import valid

KNOWN = digest_of(b"release")  # its first digits hold a letter
DIGITS = KNOWN.removeprefix("sha256:")
OTHER = "sha256:" + DIGITS[:20] + "0" * 44  # begins as the known one, and is known as well
ABSENT = "0" * 12

Resolve = Callable[[Site, str], object]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A release that stands in the history, and another one that is only stored."""
    environ = {
        "MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path / "state"),
        "MORPHOPS_REGISTRY": "127.0.0.1:1",  # where none listens
    }
    engine = Remembering()
    target = FakeTarget({})
    opened = open_site(Recorder(), environ).on(
        workloads=target, images=target, heads=engine, lock=Place()
    )
    opened.state.ensure()
    history = HistoryWriter(opened.history.path, engine)
    history.end(history.begin("deploy", release=KNOWN, deployment=1, reason=""), "deployed")
    opened.state.write(opened.state.root / "pins.json", canonical_json({KNOWN: {"reason": "x"}}))
    return opened


# What the shortest of them says once it found out which release was meant.
LOOKING: dict[str, tuple[Resolve, str]] = {
    "release.show": (lambda s, d: show.show(s, d), "registry"),
    "release.pin": (lambda s, d: pin.pin(s, d, reason="x"), "is not stored here"),
    "release.unpin": (lambda s, d: pin.unpin(s, d), ""),
    "rollback --to": (lambda s, d: rollback.rollback(s, to=d, plan_only=True), "no longer kept"),
}
BRINGING: dict[str, Resolve] = {
    "deploy": lambda s, d: deploy.deploy(s, [d], plan_only=True),
    "pull": lambda s, d: pull.pull(s, [d]),
}


@pytest.mark.parametrize("given", [KNOWN, DIGITS, DIGITS[:12], KNOWN[:19], DIGITS[:33]])
@pytest.mark.parametrize("command", LOOKING)
def test_twelve_digits_do_where_something_known_is_looked_at(
    site: Site, command: str, given: str
) -> None:
    resolve, then = LOOKING[command]
    if not then:
        resolve(site, given)
        return
    with pytest.raises(MorphopsError) as caught:
        resolve(site, given)
    assert not isinstance(caught.value, InputError), "the digest was understood"
    assert then in caught.value.message()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (DIGITS[:11], "12 lowercase hex digits or more"),
        (KNOWN[:18], "12 lowercase hex digits or more"),
        (DIGITS[:12].upper(), "12 lowercase hex digits or more"),
        (DIGITS + "0", "12 lowercase hex digits or more"),
        ("latest", "12 lowercase hex digits or more"),
        (ABSENT, f"known here begins with '{ABSENT}'"),
    ],
)
@pytest.mark.parametrize("command", LOOKING)
def test_what_is_not_the_beginning_of_a_known_digest(
    site: Site, command: str, given: str, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        LOOKING[command][0](site, given)
    assert says in caught.value.what
    assert caught.value.hint == ("inv history" if "rollback" in command else "inv release.list")


@pytest.mark.parametrize("command", LOOKING)
def test_the_beginning_of_two_digests_is_neither(site: Site, command: str) -> None:
    site.state.write(site.state.release(OTHER) / "index.json", b"{}")
    with pytest.raises(InputError, match="is the beginning of several") as caught:
        LOOKING[command][0](site, DIGITS[:20])
    assert KNOWN in caught.value.what
    assert OTHER in caught.value.what


@pytest.mark.parametrize("given", [DIGITS, DIGITS[:12], KNOWN[:19], KNOWN[:70]])
@pytest.mark.parametrize("command", BRINGING)
def test_what_is_brought_is_named_by_all_of_its_digest(
    site: Site, command: str, given: str
) -> None:
    with pytest.raises(InputError, match="and all of it is needed here") as caught:
        BRINGING[command](site, given)
    assert KNOWN in caught.value.hint


@pytest.mark.parametrize("command", BRINGING)
def test_what_is_not_known_cannot_be_completed(site: Site, command: str) -> None:
    with pytest.raises(InputError, match="all 64 digits"):
        BRINGING[command](site, ABSENT)


def test_the_hash_of_an_entry_is_shortened_like_any_digest(site: Site) -> None:
    noted = str(site.history.entries()[0]["hash"])
    for given in (noted, noted[:12], noted[:40], f"sha256:{noted[:12]}"):
        assert valid("audit.verify", audit.verify(site, given))["state"] == "ok"
    for given in (noted[:11], "latest", noted[:12] + "g"):
        with pytest.raises(InputError, match="12 lowercase hex digits or more"):
            audit.verify(site, given)
    with pytest.raises(IntegrityError, match=f"no entry has the hash {ABSENT}"):
        audit.verify(site, ABSENT)


def test_going_back_asks_for_what_was_healthy(site: Site) -> None:
    site.state.write(site.state.release(OTHER) / "index.json", b"{}")
    with pytest.raises(PreconditionError, match="was never healthy here"):
        rollback.rollback(site, to=OTHER[7:40], plan_only=True)
