"""The history as evidence: what is shown, what is proved, what is found to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.history.heads import Head
from morphops.core.history.operations import Record
from morphops.errors import EngineUnavailable, InputError, IntegrityError, PreconditionError
from morphops.operations import audit
from morphops.operations.pipeline import history_check
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Remembering
from tests.paths import ROOT
from tests.results import valid


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A state folder in which a deploy came to its end and a rollback was cut off."""
    environ = {
        "MORPHOPS_BUNDLE": str(ROOT / "ops" / "bundle.yaml"),
        "MORPHOPS_STATE": str(tmp_path),
    }
    engine = Remembering()
    site = open_site(Reporter(True), environ).on(heads=engine)
    history = HistoryWriter(site.history.path, engine)
    one = history.begin("deploy", release="sha256:a", deployment=1, plan="p", reason="why")
    history.step(one, "pull")
    history.end(one, "deployed")
    history.step(history.begin("rollback", release="sha256:b", reason="slow"), "start wave 1")
    return site


def test_every_entry_is_shown(site: Site) -> None:
    entries = valid("audit.show", audit.show(site, 0, 200))["entries"]
    assert [(e["operation"], e["entry"]) for e in entries] == [
        (1, "begin"),
        (1, "step"),
        (1, "end"),
        (2, "begin"),
        (2, "step"),
    ]
    assert entries[0]["says"]["reason"] == "why"
    assert entries[2]["says"] == {"outcome": "deployed"}
    assert all(e["at"] and len(e["hash"]) == 64 for e in entries)
    assert len(valid("audit.show", audit.show(site, 2, 200))["entries"]) == 2
    assert [e["seq"] for e in valid("audit.show", audit.show(site, 0, 2))["entries"]] == [4, 5]
    with pytest.raises(InputError, match="no operation 7"):
        audit.show(site, 7, 200)


def test_what_was_written_is_proved(site: Site) -> None:
    view = valid("audit.verify", audit.verify(site, ""))
    assert (view["entries"], view["operations"], view["cut_off"]) == (5, 2, 2)
    head = valid("audit.show", audit.show(site, 0, 200))["entries"][2]["hash"]
    assert valid("audit.verify", audit.verify(site, head[:12]))["head"] == view["head"]
    with pytest.raises(InputError, match="12 lowercase hex digits or more"):
        audit.verify(site, head[:4])


def test_what_the_engine_remembers_is_part_of_the_proof(site: Site) -> None:
    assert valid("audit.verify", audit.verify(site, ""))["engine"] == "agrees"
    lines = site.history.path.read_bytes().splitlines(keepends=True)
    site.history.path.write_bytes(b"".join(lines[:3]))
    with pytest.raises(IntegrityError, match="ends at entry 3, but the engine was told of 5"):
        audit.verify(site, "")


class Busy(Remembering):
    """An engine at which somebody works: whenever the head is read, a bit before and after that."""

    def __init__(self, heads: list[Head], path: Path, often: int) -> None:
        super().__init__(heads)
        self._journal = HistoryWriter(path, self)
        self._often = often
        self._open: Record | None = None

    def read(self, project: str) -> Head | None:
        self._work()
        head = super().read(project)
        self._work()
        return head

    def _work(self) -> None:
        if self._often:
            self._often -= 1
            if self._open:
                self._journal.end(self._open, "rolled back")
            self._open = self._journal.begin("deploy", reason="")
            self._journal.step(self._open, "start wave 1")


@pytest.mark.parametrize("often", range(1, 7))
def test_what_goes_on_is_no_tampering(site: Site, often: int) -> None:
    """Somebody journals while the two are compared; what is wrong is wrong when they do not."""
    assert isinstance(site.platform.heads, Remembering)
    site = site.on(heads=Busy(site.platform.heads.heads, site.history.path, often))
    view = valid("audit.verify", audit.verify(site, ""))
    assert view["engine"] == "agrees"
    assert history_check.compare(site) == ""


def test_what_never_rests_is_not_called_wrong(site: Site) -> None:
    assert isinstance(site.platform.heads, Remembering)
    site = site.on(heads=Busy(site.platform.heads.heads, site.history.path, 1000))
    assert valid("audit.verify", audit.verify(site, ""))["engine"] == "not asked"


class Nobody:
    """A `Heads` where no engine answers."""

    def read(self, project: str) -> Head | None:
        raise EngineUnavailable("no engine answers")

    def latest(self, project: str) -> Head | None:
        raise EngineUnavailable("no engine answers")

    def write(self, project: str, head: Head) -> None:
        raise EngineUnavailable("no engine answers")


@pytest.mark.parametrize("kept", [0, 1, 4])
def test_an_end_that_was_cut_off_is_found_by_a_noted_head(site: Site, kept: int) -> None:
    """Also where no engine answers, and so nobody else remembers anything."""
    head = valid("audit.verify", audit.verify(site, ""))["head"]
    site = site.on(heads=Nobody())
    lines = site.history.path.read_text().splitlines(keepends=True)
    site.history.path.write_text("".join(lines[:kept]))
    assert valid("audit.verify", audit.verify(site, ""))["entries"] == kept
    with pytest.raises(IntegrityError, match="no entry has the hash") as caught:
        audit.verify(site, head)
    assert isinstance(caught.value, PreconditionError)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [lines[0].replace("why", "not"), *lines[1:]], 1),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
    ],
    ids=["edited", "dropped", "reordered", "inserted"],
)
def test_what_is_not_as_it_was_written_is_named(site: Site, change: object, line: int) -> None:
    lines = site.history.path.read_text().splitlines(keepends=True)
    assert callable(change)
    site.history.path.write_text("".join(change(lines)))
    with pytest.raises(IntegrityError, match=rf"history.jsonl:{line}: "):
        audit.verify(site, "")
