"""`inv pull`: fetch a release and its images."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.core.plan.steps import Pull
from morphops.core.results.release import ReleaseInfo, of_release
from morphops.operations.pipeline import execute
from morphops.operations.pipeline.session import exclusive
from morphops.operations.release import find
from morphops.site import Site


def pull(site: Site, images: Sequence[str], *, wait: float = 0) -> ReleaseInfo:
    """Fetch a release and its images, verify and hold them; no container is touched."""
    release = find.resolve(site, images)
    with exclusive(site, f"pull {release.short}", wait=wait, aligned=False):
        stalled_after = site.bundle.pull.stalled_after
        steps = [Pull(image, release.digest, stalled_after) for image in release.images]
        for number, step in enumerate(steps, start=1):
            site.observer.step(number, len(steps), str(step))
            execute.pull(step, site.platform.images, release.project, site.observer)
    return of_release(release)
