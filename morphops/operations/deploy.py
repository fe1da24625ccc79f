"""`inv deploy`: bring a release to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from morphops.core.history import recovery
from morphops.errors import InputError
from morphops.operations import resume as operations_resume
from morphops.operations.pipeline.change import bring_release, show_plan
from morphops.operations.pipeline.session import exclusive
from morphops.operations.release import find
from morphops.site import Site


def deploy(
    site: Site,
    images: Sequence[str],
    *,
    env_file: str = "",
    plan_only: bool = False,
    no_rollback: bool = False,
    resume: bool = False,
    abort: bool = False,
    reason: str = "",
    wait: float = 0,
) -> dict[str, Any]:
    """Bring a release, or end what was cut off.

    Args:
        site: where.
        images: see `releases.resolve`.
        env_file: path; empty for the default.
        plan_only: compute and return the plan, change nothing.
        no_rollback: leave a release that failed as it is, for whoever looks into it.
        resume: finish the operation that was cut off, instead.
        abort: undo it, instead.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Returns:
        what runs now, or the plan.

    Raises:
        InputError: `resume` or `abort` together with anything else.
        RolledBack, RollbackFailed, Interrupted: it failed after it had begun.
        MorphopsError: it failed before; nothing was changed.
    """
    if resume or abort:
        if (resume and abort) or images or env_file or plan_only or no_rollback:
            raise InputError(
                "--resume and --abort stand alone: what was begun decides release and values",
                state="nothing was changed",
                hint=recovery.NEXT,
            )
        return (
            operations_resume.resume(site, wait) if resume else operations_resume.abort(site, wait)
        )
    # What is wrong with them is said at once, whoever holds the lock; and a plan leaves nothing
    # behind, neither here nor in the registry.
    release = find.resolve(site, images, store=False)
    env = site.read_env(env_file)
    if plan_only:
        return show_plan(site, release, env, no_rollback=no_rollback)
    with exclusive(site, f"deploy {release.short}", reason=reason, wait=wait) as session:
        # Until the lock was ours the release of record, what is stored here and the env file were
        # other people's to change.
        release = find.resolve(site, images)
        env = site.read_env(env_file)
        return bring_release(site, session, "deploy", release, env, reason, no_rollback=no_rollback)
