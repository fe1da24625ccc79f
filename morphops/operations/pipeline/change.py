"""The path of every operation that brings a release: survey, prepare, decide, announce, execute.

`deploy`, `rollback`, `up`, `resume` and `--plan` are these few lines with other arguments. What
differs between them is data: where release and values come from, and what an automatic rollback
goes back to. So are what is refused (`Policy`), and who is notified.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from morphops.adapters.signals import Signals
from morphops.adapters.store.files import used
from morphops.adapters.store.state_folder import Deployment
from morphops.core.env import dotenv
from morphops.core.env.dotenv import EnvFile
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Kind, Past, Record, ValuesRecord
from morphops.core.plan.decide import Policy, decide
from morphops.core.plan.desired import Desired
from morphops.core.plan.plan import Plan
from morphops.core.plan.steps import UndoJob
from morphops.core.plan.strategies import IN_PLACE
from morphops.core.release.release import Release
from morphops.core.results.deploy import DeployResult, PlanResult
from morphops.core.stack import Running
from morphops.errors import Interrupted
from morphops.operations.pipeline import hooks, notify, plan_view, prepare, rollback
from morphops.operations.pipeline.jobs import JobsDone
from morphops.operations.pipeline.operation import Operation
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.rollback import AutomaticRollback
from morphops.operations.pipeline.session import Session
from morphops.operations.pipeline.survey import survey
from morphops.site import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A release that is to run, with new values.

    Attributes:
        kind: `deploy` or `rollback`.
        release: what is to run.
        env: the values that a person set.
        reason: why, for the history.
        automatic_rollback: whether what ran before is brought back where this fails.
        jobs_again: jobs that run although they ran with this configuration.
        left: of a rollback, the release that is left; None where its files are gone.
        takes_back: of a rollback, what jobs of that release did, and is taken back first.
        offline: whether it goes on, without an automatic rollback, where the registry does not
            have an image of what runs.
    """

    kind: Kind
    release: Release
    env: EnvFile
    reason: str = ""
    automatic_rollback: bool = True
    offline: bool = False
    jobs_again: frozenset[str] = frozenset()
    left: PreparedRelease | None = None
    takes_back: tuple[UndoJob, ...] = ()

    @property
    def undone(self) -> frozenset[str]:
        """The jobs whose work is taken back."""
        return frozenset(step.mark.service for step in self.takes_back)


@dataclass(frozen=True, slots=True)
class Decided:
    """A plan, what its steps and those of its undo work on, and what was there then."""

    plan: Plan
    prepared: PreparedRelease
    before: PreparedRelease | None
    running: Running


def bring(site: Site, session: Session, request: Request) -> DeployResult:
    """Bring a release to run, from request to recorded end.

    Raises:
        RolledBack, RollbackFailed, Interrupted: it failed after it had begun.
        MorphopsError: it failed before; nothing was changed.
    """
    past = session.history.past()
    recovery.refuse(past)
    deployment = site.state.new_deployment(operations.next_id(past))
    decided = plan_release(site, request, past, deployment)
    previous = operations.release_of_record(past)
    if request.kind == "deploy":
        hooks.before(
            site,
            session,
            release=request.release.digest,
            previous=previous,
            reason=request.reason,
        )
    rollback.mark_way_back(site, decided.plan.undo, decided.before, decided.running)
    if warning := plan_view.warning(decided.plan):
        site.observer.note(warning)
    # As a rollback to it will count them: an image's variable that stands in the file, empty, is
    # still the release's.
    values = prepare.operator_values(decided.prepared.bundle, request.env).values
    record = announce(site, session, request.kind, decided.plan, values, request.reason)
    with notify.outcome(site, session, record, previous):
        done = JobsDone(passed=set(request.undone), left=request.left)
        operation = Operation(site, session, record, jobs=done)
        return operation.execute(decided.plan, decided.prepared, decided.before)


def plan_release(site: Site, request: Request, past: Past, deployment: Deployment) -> Decided:
    """Prepare a release in a deployment's folder, and decide how it comes to run.

    Raises:
        InputError, PreconditionError: with every reason why it must not begin.
    """
    running = site.platform.workloads.observe(site.bundle.project)
    undo = None
    if request.automatic_rollback:
        undo = rollback.to_what_runs(site, past, running, request.undone)
    if request.offline:  # a registry that is gone must not block it
        undo = rollback.fetch_missing(site, undo)
    prepared = prepare.prepare(site, request.release, request.env, deployment)
    if request.kind == "deploy":
        prepare.refuse_what_ends(prepared)
    prepare.mark(site, prepared, deployment, running)
    desired = replace(
        prepared.desired(deployment.id),
        runs_jobs=request.kind == "deploy",
        jobs_again=request.jobs_again,
        takes_back=request.takes_back,
    )
    return decide_on(site, prepared, desired, past, running, undo)


def decide_on(
    site: Site,
    prepared: PreparedRelease,
    desired: Desired,
    past: Past,
    running: Running,
    undo: AutomaticRollback | None,
    policy: Policy = Policy(),  # noqa: B008 - frozen
) -> Decided:
    """Survey what is there, and decide.

    Args:
        site: where.
        prepared: what is to run.
        desired: the same, for the decision.
        past: the history.
        running: what was observed.
        undo: the automatic rollback; None for none.
        policy: what is refused.

    Raises:
        InputError, PreconditionError: with every reason why it must not begin.
    """
    before = undo.prepared if undo else None
    plan = decide(
        desired,
        survey(site, past, running, prepared, before),
        strategy=IN_PLACE,
        undo=undo.plan if undo else None,
        remedies=site.platform.remedies,
        policy=policy,
    )
    return Decided(plan, prepared, before, running)


def announce(
    site: Site, session: Session, kind: Kind, plan: Plan, values: Mapping[str, str], reason: str
) -> Record:
    """Write down what is about to be done; from here on it has to be ended.

    Args:
        site: where.
        session: whose history.
        kind: what was asked for.
        plan: its plan.
        values: those that a person set; only their names and a keyed fingerprint are written.
        reason: why.
    """
    session.signals.mask()
    return session.history.begin(
        kind,
        release=plan.release,
        deployment=plan.deployment,
        values=ValuesRecord(
            dotenv.fingerprint(values, site.state.key()) if plan.release else "",
            tuple(values),
        ),
        plan=plan.digest,
        reason=reason,
    )


def show_plan(site: Site, request: Request) -> PlanResult:
    """Return what `bring` would do; nothing is changed, and nothing is left behind."""
    signals = Signals()
    with signals.handled(), _scratch(site, signals) as folder:
        past = site.history.past()
        deployment = Deployment(operations.next_id(past), folder / "deployment")
        decided = plan_release(site, request, past, deployment)
        previous = operations.release_of_record(past)
        return plan_view.view(decided.plan, decided.prepared, previous=previous)


@contextmanager
def _scratch(site: Site, signals: Signals) -> Iterator[Path]:
    """A folder that is gone afterwards, also after a signal: the values stand in it."""
    folder = site.state.scratch()
    try:
        with used(folder):
            yield folder
    except Interrupted as err:
        raise err.with_(state="nothing was changed") from None
    finally:
        with signals.shield():
            shutil.rmtree(folder, ignore_errors=True)
