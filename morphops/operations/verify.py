"""`inv verify`."""

from __future__ import annotations

from typing import Any

from morphops.errors import DriftFound, GateFailed
from morphops.operations.pipeline import gates, survey
from morphops.site import Site


def verify(site: Site) -> dict[str, Any]:
    """Compare what runs with the release of record, as the last step of a deploy does.

    Raises:
        DriftFound: with every difference.
        PreconditionError: nothing is there to compare.
    """
    ready = survey.released(site)
    try:
        gates.verify(ready, site.platform.workloads, site.bundle.project)
    except GateFailed as err:
        hint = "inv drift; inv up --reason=…   (brings the release of record)"
        raise DriftFound(
            err.what, detail=err.detail, state="nothing was changed", hint=hint
        ) from None
    return {"state": "verified", "release": ready.release.digest}
