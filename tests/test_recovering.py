"""What was cut off is finished or undone only where everything that is there is ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops.app import recovering
from morphops.app.exclusive import exclusive
from morphops.app.site import Site, open_site
from morphops.errors import PreconditionError
from morphops.journal import Kind
from tests.fakes import FakeTarget, Recorder, Remembering
from tests.test_lock import Place
from tests.test_plan import container

STACK = Path(__file__).parent / "stack"


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget({})


@pytest.fixture
def site(tmp_path: Path, target: FakeTarget) -> Site:
    environ = {"MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    opened = open_site(Recorder(), environ)
    return replace(opened, lock=Place(), heads=Remembering(), target=target)


def cut_off(site: Site, kind: Kind) -> None:
    """An operation of that kind that stops in the middle."""
    with exclusive(site, kind) as session:
        record = session.history.begin(kind, reason="")
        session.history.step(record, "stop and remove everything")


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("up", recovering.abort),
        ("down", recovering.abort),
        ("down", recovering.resume),
        ("up", recovering.resume),
    ],
)
def test_containers_of_somebody_else_are_not_touched(
    site: Site, target: FakeTarget, kind: Kind, end: Callable[[Site], dict[str, Any]]
) -> None:
    cut_off(site, kind)
    target.containers["theirs"] = container("theirs", ours=False)
    before = site.history.entries()
    with pytest.raises(PreconditionError, match="containers that no release created: theirs") as e:
        end(site)
    assert e.value.state == "what was cut off is as it was"
    assert "inv deploy --resume" in e.value.hint
    assert list(target.containers) == ["theirs"]
    assert "teardown" not in target.calls
    assert site.history.entries() == before


@pytest.mark.parametrize("end", [recovering.abort, recovering.resume])
def test_containers_of_our_own_are(
    site: Site, target: FakeTarget, end: Callable[[Site], dict[str, Any]]
) -> None:
    cut_off(site, "down")
    target.containers["ours"] = container("ours")
    end(site)
    assert target.containers == {}
