"""What an earlier version wrote is read: state folder, releases, deployments.

tests/data/state-7c34d53/ was written by that commit, on a real engine, with sample values: two
deploys, one that failed and was rolled back, a rollback, an approval, a pin, a stop. Left out are
the engine's own account of the failure and the reserved room beside the history.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from morphops.adapters.store import segments
from morphops.adapters.store.history_file import HistoryReader, HistoryWriter
from morphops.adapters.store.release_layout import is_complete, read_layout
from morphops.core.history import heads, operations
from morphops.operations import audit
from morphops.operations.history import show
from morphops.operations.pipeline.prepare import reopen
from morphops.operations.release import list as release_list
from morphops.site import Site, open_site
from tests.fakes import FakeTarget, Recorder, Remembering
from tests.paths import ROOT
from tests.results import valid

DATA = ROOT / "tests" / "data" / "state-7c34d53"
FIRST, SECOND, BAD = (
    "sha256:4d60110f32394cbcf08b2268c1b0a010d5e8270a651627b4ecd4057d3ac9daa2",
    "sha256:5061613e5a170bc05547e046b159e33e2bf6d3a1dd7f869d5c5dd03d6c5eebdc",
    "sha256:77e000e20b0724f0fb31e5efa57344ff70924d837bf0a36670f9a91d46f15970",
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The state folder with the modes that Git does not keep."""
    folder = tmp_path / "state"
    shutil.copytree(DATA / "state", folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.fixture
def site(state: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The project as its last deployment has it."""
    monkeypatch.chdir(DATA)  # its DATA_DIR is relative
    deployment = state / "deployments" / "000004"
    environ = {
        "MORPHOPS_BUNDLE": str(deployment / "files" / "bundle.yaml"),
        "MORPHOPS_STATE": str(state),
    }
    target = FakeTarget({str(d / "values.env"): {} for d in deployment.parent.iterdir()})
    told = Remembering([heads.of(HistoryReader(state / "history.jsonl").entries())])
    opened = open_site(Recorder(), environ)
    return opened.on(workloads=target, images=target, heads=told)


def test_the_history(state: Path) -> None:
    records = HistoryReader(state / "history.jsonl").records()
    assert [(record.kind, record.release, record.outcome) for record in records] == [
        ("deploy", FIRST, "deployed"),
        ("deploy", SECOND, "deployed"),
        ("deploy", BAD, "rolled back"),
        ("rollback", FIRST, "deployed"),
        ("approve", "", "recorded"),
        ("down", "", "stopped"),
    ]
    assert operations.incomplete_operation(records) is None
    assert operations.deployment_stack(records)[-1].release == FIRST
    assert {record.user for record in records} == {"alice"}


def test_the_history_is_sealed_by_the_next_operation(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "ENOUGH", 1_000)
    path = state / "history.jsonl"
    before, records = path.read_bytes(), HistoryReader(path).records()
    writer = HistoryWriter(path, Remembering())
    writer.end(writer.begin("approve", subject="x", reason="why"), "recorded")
    assert (state / "history" / "00000001.jsonl").read_bytes() == before
    history = HistoryReader(path)
    assert history.records()[:-1] == records
    assert history.prove().operations == len(records) + 1
    assert operations.release_of_record(history.past()) == FIRST
    assert operations.is_down(history.past())
    assert operations.approved(history.past(), "") == {"never-loose", "x"}


@pytest.mark.parametrize("digest", [FIRST, SECOND, BAD])
def test_the_releases(state: Path, digest: str) -> None:
    folder = state / "releases" / digest.removeprefix("sha256:")
    assert is_complete(folder)
    release = read_layout(folder, digest)
    assert release.digest == digest
    assert {image.name for image in release.images} == {"pair", "front"}
    assert {"bundle.yaml", "compose/compose.yaml", "env/schema.yaml"} <= release.files.keys()


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_deployments(site: Site, number: int) -> None:
    record = site.history.records()[number - 1]
    ready = reopen(site, site.state.deployment(number), record.release, same_data=True)
    assert ready.release.digest == record.release
    assert [str(file.relative_to(site.state.root)) for file in ready.stack.files] == [
        f"deployments/00000{number}/files/compose/compose.yaml",
        f"deployments/00000{number}/labels.json",
    ]
    assert ready.approved == {"never-loose"}


def test_what_shows_it(site: Site) -> None:
    shown = valid("history.show", show.history(site, 20))["operations"]
    assert [row["id"] for row in shown] == list(range(1, 7))
    rows = {
        row["release"]: row
        for row in valid("release.list", release_list.list_releases(site))["releases"]
    }
    assert rows.keys() == {FIRST, SECOND, BAD}
    assert rows[SECOND]["pinned"] == "keep it"
    proved = valid("audit.verify", audit.verify(site, ""))
    assert (proved["state"], proved["operations"], proved["cut_off"]) == ("ok", 6, 0)
