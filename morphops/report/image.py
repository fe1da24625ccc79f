"""Images, and what is wrong with them."""

from __future__ import annotations

from morphops.core.results.image import ImageCheck
from morphops.report import check
from morphops.report.console import Reporter


def image_check(reporter: Reporter, result: ImageCheck) -> None:
    """Show what is wrong with images, one finding a line."""
    check.findings(reporter, result)
    if not result.findings:
        reporter.table(("image", "ok"), sorted(result.images.items()))
