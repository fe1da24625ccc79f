"""`inv verify`."""

from __future__ import annotations

from morphops.core.results.check import of_differences
from morphops.core.results.verify import Verification
from morphops.core.verify import drift
from morphops.errors import DriftFound
from morphops.operations.pipeline import inside, survey
from morphops.site import Site

_REMEDY = "inv up --reason=…   (brings the release of record)"


def verify(site: Site) -> Verification:
    """Compare what runs with the release of record, as the last step of a deploy does.

    Exit code 6 with any difference.

    Raises:
        PreconditionError: nothing is there to compare.
    """
    ready = survey.released(site)
    workloads = site.platform.workloads
    running = workloads.observe(site.bundle.project)
    found = (
        *drift.compare(
            ready.release,
            ready.services,
            running,
            workloads.launch_configs(running),
            rules=ready.bundle.invariants,
            approved=ready.approved,
        ),
        *inside.differences(ready, workloads, running),
    )
    return Verification(
        state="drift" if found else "verified",
        exit=DriftFound.EXIT if found else 0,
        findings=of_differences(found, _REMEDY),
        next=f"inv drift; {_REMEDY}" if found else "",
        release=ready.release.digest,
    )
