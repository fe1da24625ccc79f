"""`inv deploy`: bring a release to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morphops.core.results.deploy import DeployResult, PlanResult
from morphops.operations.pipeline.change import Request, bring, show_plan
from morphops.operations.pipeline.session import exclusive
from morphops.operations.release import find
from morphops.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What one deploy does otherwise than by default.

    Attributes:
        no_rollback: leave a release that failed as it is, to be looked into.
        run_jobs: jobs that run although they ran with this configuration.
    """

    no_rollback: bool = False
    run_jobs: frozenset[str] = frozenset()


def deploy(
    site: Site,
    images: Sequence[str],
    *,
    env_file: str = "",
    plan_only: bool = False,
    choices: Choices = Choices(),
    reason: str = "",
    wait: float = 0,
) -> DeployResult | PlanResult:
    """Bring a release to run.

    Args:
        site: where.
        images: see `release.find.resolve`.
        env_file: path; empty for the default.
        plan_only: compute and return the plan, change nothing.
        choices: what is done otherwise than by default.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Returns:
        what runs now, or the plan.

    Raises:
        RolledBack, RollbackFailed, Interrupted: it failed after it had begun.
        MorphopsError: it failed before; nothing was changed.
    """

    def request(*, store: bool) -> Request:
        return Request(
            kind="deploy",
            release=find.resolve(site, images, store=store),
            env=site.read_env(env_file),
            reason=reason,
            automatic_rollback=not choices.no_rollback,
            jobs_again=choices.run_jobs,
        )

    # What is wrong with release and values is said at once, before the lock is taken; and a plan
    # leaves nothing behind, neither here nor in the registry.
    wanted = request(store=False)
    if plan_only:
        return show_plan(site, wanted)
    what = f"deploy {wanted.release.short}"
    with exclusive(site, what, reason=reason, wait=wait) as session:
        # Until the lock was ours the release of record, what is stored here and the env file were
        # other people's to change.
        return bring(site, session, request(store=True))
