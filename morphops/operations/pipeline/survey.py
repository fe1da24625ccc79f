"""One look at what runs, and at what is to run."""

from __future__ import annotations

from morphops.core.history import operations
from morphops.errors import PreconditionError
from morphops.operations.pipeline import prepare, secrets
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.site import Site


def released_scene(site: Site) -> PreparedRelease:
    """What should run, to be compared with what does.

    Raises:
        PreconditionError: nothing should: nothing was deployed yet, or it was stopped on purpose.
    """
    secrets.learn_secrets(site)
    records = site.history.records()
    record = operations.deployment_of_record(records)
    if record is None:
        raise PreconditionError(
            "there is no release of record here", hint="inv deploy --image=sha256:<release>"
        )
    if operations.is_down(records) and not site.target.observe(site.bundle.project).containers:
        when = next(r.ended for r in reversed(records) if r.outcome == "stopped")
        raise PreconditionError(
            f"{site.bundle.project} is down since {when}: inv down stopped it",
            state="nothing was changed",
            hint="inv up --reason=…",
        )
    return prepare.reopen(site, site.state.deployment(record.deployment), record.release)
