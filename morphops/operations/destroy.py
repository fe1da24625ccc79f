"""`inv destroy`: the end of a project."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from morphops.core.history import recovery, retention
from morphops.core.history.operations import Past
from morphops.core.history.retention import Inventory, Kept
from morphops.core.plan import preconditions
from morphops.core.plan.reasons import refusal
from morphops.core.results.destroy import Destroyed, told
from morphops.core.stack import Running
from morphops.errors import InputError, LockLost, MorphopsError, PreconditionError
from morphops.operations.pipeline.operation import HistoryLog
from morphops.operations.pipeline.session import Session, exclusive
from morphops.operations.registry.local import is_local, registry_down
from morphops.site import Site


def destroy(
    site: Site,
    *,
    project: str = "",
    plan_only: bool = False,
    with_registry: bool = False,
    with_history: bool = False,
    reason: str = "",
    wait: float = 0,
) -> Destroyed:
    """Remove everything of the project: containers, networks, volumes, images, the engine's head.

    What goes is told before it does. External networks and volumes, and folders of the machine,
    stay.

    Args:
        site: where.
        project: its name, to say that it is meant; empty: the person at the terminal types it.
        plan_only: say what would go, and change nothing.
        with_registry: also the local registry, with what every project has in it.
        with_history: also the history, and the releases and values that are kept here.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: another name was typed, or none.
        PreconditionError: nothing was ever done here, or containers are not ours.
    """
    if with_registry and not is_local(site.bundle.registry):
        raise InputError(
            f"the registry {site.bundle.registry} is not on this machine",
            state="nothing was changed",
            hint="leave --registry out",
        )
    going = _going(site, with_registry=with_registry, with_history=with_history)
    if plan_only:
        return going
    for line in told(going):
        site.observer.note(line)
    _demand_name(site, project)
    with exclusive(site, "destroy", reason=reason, wait=wait) as session:
        recovery.refuse(session.history.past())
        going = _going(site, with_registry=with_registry, with_history=with_history)
        operation = _remove(site, session, going, reason)
        # The last word of the history is written: from here on the engine knows of none.
        with session.signals.shield():
            site.platform.heads.remove(site.bundle.project)
            if with_registry:
                registry_down(site, delete_data=True)
    if with_history:
        site.state.remove_own()
    return replace(going, state="destroyed", operation=operation)


def _remove(site: Site, session: Session, going: Destroyed, reason: str) -> int:
    """Remove it, on record; returns the number of the operation.

    Raises:
        LockLost: another operator has the lock.
        MorphopsError: the engine refuses; the same command goes on from there.
    """
    session.signals.mask()
    record = session.history.begin("destroy", subject=going.project, reason=reason)
    log = HistoryLog(session.history, record)
    platform = site.platform
    try:
        with session.signals.shield():
            log.begin("containers, networks and volumes", touches=True)
            platform.workloads.destroy(going.project)
            log.end("ok", 0.0)
            log.begin("images", touches=False)
            platform.images.remove_references(going.images)
            log.end("ok", 0.0)
        session.history.end(record, "done")
    except LockLost:
        raise
    except MorphopsError as err:
        # What failed is what the caller has to know, not that it could not be written too.
        with suppress(MorphopsError):
            session.history.end(record, "failed", site.redact(err.what))
        raise err.with_(
            state="a part of it may be gone", hint=f"inv destroy --project={going.project}"
        ) from None
    session.signals.acknowledge()
    return record.id


def _going(site: Site, *, with_registry: bool, with_history: bool) -> Destroyed:
    """What would go."""
    project, workloads = site.bundle.project, site.platform.workloads
    running = workloads.observe(project)
    _refuse(site, site.history.past(), running)
    nothing_kept = Kept(
        project=project,
        repositories=site.bundle.own_repositories,
        releases={},
        deployments=(),
    )
    # A container of ours uses an image now, and does not then.
    images = [replace(image, used=False) for image in site.platform.images.inventory()]
    there = Inventory(images=images, releases=(), deployments=())
    return Destroyed(
        state="planned",
        project=project,
        containers=tuple(sorted(running.names[c.id] for c in running.containers)),
        networks=tuple(sorted(workloads.networks(project))),
        volumes=tuple(sorted(workloads.volumes(project))),
        images=tuple(sorted(retention.garbage(there, nothing_kept).references)),
        registry=site.bundle.registry if with_registry else "",
        history=with_history,
        kept=str(site.state.root),
    )


def _refuse(site: Site, past: Past, running: Running) -> None:
    """Refuse what was not made from here.

    Raises:
        PreconditionError: it was not.
    """
    project = site.bundle.project
    if not past.records and not past.before.last:
        raise PreconditionError(
            f"nothing was ever done here with {project} (state folder: {site.state.root}), so "
            "what is there of that name may belong to another operator",
            state="nothing was changed",
            hint="use the state folder that it belongs to (MORPHOPS_STATE)",
        )
    if against := tuple(preconditions.foreign(project, running, site.platform.remedies)):
        raise refusal(against)


def _demand_name(site: Site, typed: str) -> None:
    """Have the project's name typed.

    Raises:
        InputError: it was not.
    """
    name = site.bundle.project
    if not typed:
        prompt = site.prompt(yes=False, signed_off={})
        if not prompt.there:
            raise InputError(
                "destroy needs the project's name, so that nothing else is meant",
                state="nothing was changed",
                hint=f"inv destroy --project={name}",
            )
        typed = prompt.answer("type the project's name to destroy it")
    if typed != name:
        raise InputError(
            f"{typed!r} is not the name of this project",
            state="nothing was changed",
            hint=f"inv destroy --project={name}, if that is meant",
        )
