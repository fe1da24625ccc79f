"""An approval may end, and then the invariant counts again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from morphops.core.release import artifact
from morphops.errors import InputError, PreconditionError
from morphops.operations import approval, drift, status
from morphops.operations.deploy import deploy
from morphops.operations.release import find
from tests.operations.in_memory.world import BUNDLE, NEW, World

RULE = "invariants: {loud: {service: api, forbids: [--level], why: it tells all}}\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets the time of the history."""

    def set_(text: str) -> None:
        monkeypatch.setattr("morphops.adapters.actor.now", lambda: text)

    set_("2030-01-01T00:00:00+00:00")
    return set_


@pytest.fixture
def digest(running: World) -> str:
    """A release that breaks the invariant."""
    (running.folder / "ops/bundle.yaml").write_text(BUNDLE + RULE)
    files = {**NEW.files, "bundle.yaml": (BUNDLE + RULE).encode()}
    made = artifact.encode_release(dataclasses.replace(NEW, files=files))
    find.keep(running.site(), artifact.decode(made.digest, made.manifest, made.blobs.__getitem__))
    return made.digest


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("2030-01-02", "2030-01-02T23:59:59+00:00"),
        ("2030-01-02T12:00:00+02:00", "2030-01-02T10:00:00+00:00"),
        ("2030-01-02T12:00:00Z", "2030-01-02T12:00:00+00:00"),
    ],
)
def test_until_then_it_may_be_broken(
    running: World, digest: str, clock: Callable[[str], None], until: str, end: str
) -> None:
    assert approval.grant(running.site(), "loud", reason="a look", until=until).until == end
    deploy(running.site(), [digest])
    assert drift.look(running.site()).differences == ()
    (row,) = approval.show(running.site()).invariants
    assert (row.approved, row.until) == (True, end)
    assert status.status(running.site()).invariants == ()
    clock(end)
    found = drift.look(running.site())
    assert [d.kind for d in found.differences] == ["invariant"]
    # `inv up` would refuse for the same reason.
    assert found.next.startswith("inv approval.grant")
    shown = status.status(running.site())
    (breach,) = shown.invariants
    assert (shown.state, "--level is on its command line" in breach) == ("healthy", True)
    with pytest.raises(PreconditionError, match="breaks the invariant loud"):
        deploy(running.site(), [digest])
    (row,) = approval.show(running.site()).invariants
    assert not row.approved


def test_another_end_is_another_approval(
    running: World, digest: str, clock: Callable[[str], None]
) -> None:
    del digest
    grant = approval.grant
    assert grant(running.site(), "loud", reason="a", until="2030-01-02").changed
    assert not grant(running.site(), "loud", reason="b", until="2030-01-02").changed
    assert grant(running.site(), "loud", reason="c").changed
    clock("2031-01-01T00:00:00+00:00")
    assert not grant(running.site(), "loud", reason="d").changed


@pytest.mark.parametrize(
    "until",
    ["soon", "2029-12-31", "2030-01-01T00:00:00", "2030-13-01", "2029-01-01T00:00:00Z", "99999"],
)
def test_what_is_no_time_to_come(
    running: World, digest: str, clock: Callable[[str], None], until: str
) -> None:
    del digest, clock
    with pytest.raises(InputError, match="write a day or a time to come"):
        approval.grant(running.site(), "loud", reason="a", until=until)
    assert running.outcomes == [("deploy", "deployed")]
