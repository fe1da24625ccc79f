"""What was cut off is finished or undone only where everything that is there is ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from morphops.core.history.operations import Kind
from morphops.errors import PreconditionError
from morphops.operations import abort, resume
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site, open_site
from tests.fakes import FakeTarget, Place, Recorder, Remembering
from tests.paths import STACK
from tests.samples.releases import container


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget({})


@pytest.fixture
def site(tmp_path: Path, target: FakeTarget) -> Site:
    environ = {"MORPHOPS_BUNDLE": str(STACK / "bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    opened = open_site(Recorder(), environ)
    return opened.on(lock=Place(), heads=Remembering(), workloads=target, images=target)


def cut_off(site: Site, kind: Kind) -> None:
    """An operation of that kind that stops in the middle."""
    with exclusive(site, kind) as session:
        record = session.history.begin(kind, reason="")
        session.history.step(record, "stop and remove everything")


@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("up", abort.abort),
        ("down", abort.abort),
        ("down", resume.resume),
        ("up", resume.resume),
    ],
)
def test_containers_of_somebody_else_are_not_touched(
    site: Site, target: FakeTarget, kind: Kind, end: Callable[[Site], dict[str, Any]]
) -> None:
    cut_off(site, kind)
    target.containers["theirs"] = container("theirs", managed=False)
    before = site.history.entries()
    with pytest.raises(PreconditionError, match="containers that no release created: theirs") as e:
        end(site)
    assert e.value.state == "the operation is as it was"
    assert "inv resume" in e.value.hint
    assert list(target.containers) == ["theirs"]
    assert "teardown" not in target.calls
    assert site.history.entries() == before


@pytest.mark.parametrize("end", [abort.abort, resume.resume])
def test_containers_of_our_own_are(
    site: Site, target: FakeTarget, end: Callable[[Site], dict[str, Any]]
) -> None:
    cut_off(site, "down")
    target.containers["ours"] = container("ours")
    end(site)
    assert target.containers == {}
