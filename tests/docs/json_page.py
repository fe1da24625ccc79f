"""What docs/reference/json.md says."""

from __future__ import annotations

import re

from tests.paths import ROOT

TEXT = (ROOT / "docs" / "reference" / "json.md").read_text()


def documented(heading: str) -> set[str]:
    """The fields of the first table below a text."""
    table = TEXT.partition(heading)[2].partition("| field |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    assert rows
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}
