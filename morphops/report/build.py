"""Images that were built, and the registry that has them."""

from __future__ import annotations

from collections.abc import Mapping

from morphops.core.results.build import Build
from morphops.core.results.image import BaseImages
from morphops.report.console import Reporter


def build(reporter: Reporter, result: Build) -> None:
    """Show images that were built, by name."""
    _images(reporter, result.images)
    if result.pushed:
        reporter.say("next: inv image.check; inv release.create")


def bases(reporter: Reporter, result: BaseImages) -> None:
    """Show base images that were made, by name."""
    if result.state == "not needed":
        reporter.say("nothing to make: a public registry answers, and no base was made here before")
    else:
        _images(reporter, result.images)


def _images(reporter: Reporter, images: Mapping[str, str]) -> None:
    reporter.table(("image", "reference"), sorted(images.items()))
