"""Rows are drawn from a file beside a document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from morphops.adapters.probes.sample import draw
from morphops.core.bundle.documents import Loaded
from morphops.core.probes.sample import Absent, Sample

SAMPLE = Sample(file="rows", draw=4, absent=Absent(count=2, row={"n": "{hex8}"}))


def document(tmp_path: Path, text: str) -> Loaded:
    (tmp_path / "rows.jsonl").write_text(text)
    return Loaded(tmp_path / "manifest.json", {"rows": "rows.jsonl"})


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_draw(tmp_path: Path, end: str) -> None:
    lines = [json.dumps({"n": number, "more": "x" * number}) for number in range(90)]
    here = document(tmp_path, "\n".join(lines) + end)
    drawn = draw(SAMPLE, here, "3-abcd")
    assert (drawn.count, len(drawn.rows), drawn.fresh, len(drawn.absent)) == (90, 4, 2, 2)
    assert draw(SAMPLE, here, "3-abcd") == drawn
    assert draw(SAMPLE, here, "4-abcd").rows != drawn.rows
    assert draw(SAMPLE, here, "").seed != draw(SAMPLE, here, "").seed


@pytest.mark.parametrize("text", ["", '{"n": 1}', '{"n": 1}\n{"n": 2}\n'])
def test_of_few_rows_all_are_asked(tmp_path: Path, text: str) -> None:
    drawn = draw(SAMPLE, document(tmp_path, text), "1-abcd")
    assert [json.dumps(row) for row in drawn.rows] == text.splitlines()


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a row is not JSON"):
        draw(SAMPLE, document(tmp_path, "{\n"), "1-abcd")
    with pytest.raises(ValueError, match="No such file"):
        draw(SAMPLE, Loaded(tmp_path / "m.json", {"rows": "none"}), "1-abcd")
    with pytest.raises(ValueError, match="names no file of rows"):
        draw(SAMPLE, Loaded(tmp_path / "m.json", {}), "1-abcd")
