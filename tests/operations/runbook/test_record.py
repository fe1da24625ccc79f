"""The record of a run proves itself, its end too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.store.hash_chain import HashChain
from morphops.core.runbook import parse, transcript
from morphops.errors import InputError, IntegrityError, PreconditionError
from morphops.operations.runbook import record
from morphops.operations.runbook.run import last_stopped, new_folder
from morphops.report import runbook as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.paths import ROOT
from tests.results import valid
from tests.samples.runbooks import result

BOOK = parse.parse("# B\n\n## All\n\n### L\n\n```sh {name=l}\ninv status\n```\n", "b", "b")
BEGIN = {
    "entry": "begin",
    "runbook": "b",
    "section": "all",
    "digest": BOOK.digest,
    "user": "root",
    "host": "vm",
    "at": "t",
    "release": "",
    "inputs": {},
}
END = {"entry": "end", "outcome": "passed", "at": "t", "release": ""}
STOP = {"entry": "stop", "outcome": "stopped: x", "at": "t", "release": ""}
RESUME = {"entry": "resume", "user": "root", "host": "vm", "at": "t"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml"), "MORPHOPS_STATE": str(tmp_path)}
    return open_site(Recorder(), environ)


def run(site: Site, *entries: dict[str, Any]) -> Path:
    """The folder of a run that wrote these; a report is written where it stops or ends."""
    folder = new_folder(site, "b-all")
    chain = HashChain(folder / "transcript.jsonl")
    for entry in entries:
        head = chain.append(entry)
        if entry["entry"] in ("stop", "end"):
            (folder / "report.md").write_text(transcript.report(chain.entries(), "B", head))
    return folder


def cut(folder: Path) -> None:
    """Take the last line off the transcript; what is left is a chain all the same."""
    path = folder / "transcript.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize(
    ("entries", "state"),
    [
        ((result(), END), "whole"),
        ((result(passed=False), STOP), "whole"),
        ((STOP, RESUME, result(), END), "whole"),
        ((STOP, RESUME, result()), "under way"),
        ((result(),), "under way"),
    ],
)
def test_what_was_written_is_whole(
    site: Site,
    entries: tuple[dict[str, Any], ...],
    state: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = run(site, BEGIN, *entries)
    proof = record.verify(site)
    view = valid("runbook.verify", proof)
    assert view == valid("runbook.verify", record.verify(site, str(folder)))
    assert view["state"] == state
    assert view["entries"] == len(entries) + 1
    report.runbook_verify(Reporter(), proof)
    assert view["head"] in capsys.readouterr().out


@pytest.mark.parametrize("end", [END, STOP])
def test_an_end_that_was_cut_off(site: Site, end: dict[str, Any]) -> None:
    """A run that had passed was resumed, and passed again."""
    folder = run(site, BEGIN, result(), end)
    cut(folder)
    with pytest.raises(IntegrityError, match=r"transcript\.jsonl:2: is not the end that"):
        record.verify(site)
    with pytest.raises(IntegrityError, match="is not the end that"):
        last_stopped(site, BOOK, "all")


def test_a_line_that_was_changed(site: Site) -> None:
    path = run(site, BEGIN, result(), END) / "transcript.jsonl"
    path.write_text(path.read_text().replace('"passed":true', '"passed":false'))
    with pytest.raises(IntegrityError, match=r":2: was changed after it was written"):
        record.verify(site, str(path))


def test_a_report_that_is_gone_or_changed(site: Site) -> None:
    written = run(site, BEGIN, result(), END) / "report.md"
    text = written.read_text()
    written.write_text(text.replace("last hash", "hash"))
    with pytest.raises(IntegrityError, match="is not the end that"):
        record.verify(site)
    written.unlink()
    with pytest.raises(IntegrityError, match=r"no .*report\.md tells of it"):
        record.verify(site)


@pytest.mark.parametrize("before", [(), (STOP, RESUME)])
def test_a_run_that_died_before_its_report_can_be_resumed(
    site: Site, before: tuple[dict[str, Any], ...]
) -> None:
    folder = run(site, BEGIN, *before)
    HashChain(folder / "transcript.jsonl").append(STOP)
    assert last_stopped(site, BOOK, "all")[0] == folder
    with pytest.raises(IntegrityError, match=r"no .*report\.md tells of it"):
        record.verify(site)


def test_there_is_nothing_to_prove(site: Site, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match="no runbook was run here yet"):
        record.verify(site)
    with pytest.raises(InputError, match="is not a transcript"):
        record.verify(site, str(tmp_path / "x"))
    (tmp_path / "empty").touch()
    with pytest.raises(IntegrityError, match="empty:1: is not the beginning of a run"):
        record.verify(site, str(tmp_path / "empty"))
