"""What counts of the findings in artifacts, and what is advice."""

from __future__ import annotations

import pytest

from morphops.core.finding import Finding
from morphops.core.results.bundle import of_levels
from tests.results import valid

DANGER = Finding("c.yaml", 1, "x", "y", "health", ("a",))
ADVICE = Finding("c.yaml", 2, "x", "y", "user", ("a",), "hardening", (4, 6))


@pytest.mark.parametrize(
    ("found", "demand", "listed", "counts", "hardening", "advice"),
    [
        ([], (), True, [], 0, []),
        ([DANGER, ADVICE], (), False, [DANGER], 1, []),
        ([DANGER, ADVICE], (), True, [DANGER], 1, [ADVICE]),
        ([ADVICE], (), True, [], 1, [ADVICE]),
        ([DANGER, ADVICE], ("hardening",), False, [DANGER, ADVICE], 0, []),
        ([DANGER, ADVICE], ("hardening",), True, [DANGER, ADVICE], 0, []),
    ],
)
def test_levels(
    found: list[Finding],
    demand: tuple[str, ...],
    listed: bool,
    counts: list[Finding],
    hardening: int,
    advice: list[Finding],
) -> None:
    result = of_levels(found, demand=demand, listed=listed)  # type: ignore[arg-type]
    said = valid("bundle.check", result)
    assert said["exit"] == (2 if counts else 0)
    assert [f["text"] for f in said["findings"]] == [str(f) for f in counts]
    assert said["hardening"] == hardening
    assert [f["text"] for f in said["advice"]] == [str(f) for f in advice]
    assert all((f["level"], f["also"]) == ("hardening", [4, 6]) for f in said["advice"])
