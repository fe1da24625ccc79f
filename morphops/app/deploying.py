"""Use cases that change what runs: deploy, rollback, up, down, pull."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from morphops import engine, envfile, journal, plan, recovery, stuck
from morphops.app import hooks, planning, recovering, releases, scene, telling, values
from morphops.app.carrying import (
    carry_out,
    fetch_way_back,
    planned,
    refuse_taken_ports,
    take_down,
    way_back,
)
from morphops.app.exclusive import Session, demand_reason, exclusive
from morphops.app.site import Site
from morphops.envfile import EnvFile
from morphops.errors import InputError, Interrupted, PreconditionError
from morphops.journal import Kind, Record
from morphops.layout import is_complete
from morphops.model import Release, is_digest, parse_digest, short
from morphops.signals import Signals
from morphops.state import Deployment


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
        return recovering.resume(site, wait) if resume else recovering.abort(site, wait)
    # What is wrong with them is said at once, whoever holds the lock; and a plan leaves nothing
    # behind, neither here nor in the registry.
    release = releases.resolve(site, images, store=False)
    env = site.read_env(env_file)
    if plan_only:
        return _plan_only(site, release, env, no_rollback=no_rollback)
    with exclusive(site, f"deploy {release.short}", reason=reason, wait=wait) as session:
        # Until the lock was ours the release of record, what is stored here and the env file were
        # other people's to change.
        release = releases.resolve(site, images)
        env = site.read_env(env_file)
        return _bring(site, session, "deploy", release, env, reason, no_rollback=no_rollback)


def rollback(
    site: Site, *, to: str = "", plan_only: bool = False, reason: str = "", wait: float = 0
) -> dict[str, Any]:
    """Go back to the last healthy deployment before what runs: its files and its values.

    Where a deploy failed and was left as it was, that is the one of record. Everything it needs is
    here already, so no registry is asked.

    Args:
        site: where.
        to: a release that was healthy here, instead.
        plan_only: compute and return the plan, change nothing.
        reason: why, for the history; must be given.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: without a reason.
        PreconditionError: there is nothing to go back to.
    """
    if plan_only:
        release, env = _earlier(site, to)
        return _plan_only(site, release, env)
    demand_reason(reason, "rollback")
    with exclusive(site, "rollback", reason=reason, wait=wait) as session:
        release, env = _earlier(site, to)
        return _bring(site, session, "rollback", release, env, reason)


def _earlier(site: Site, to: str) -> tuple[Release, EnvFile]:
    """The release that a rollback goes to, and the values that it ran with."""
    records = site.history.records()
    digest = _digest_of(site, records, to) if to else ""
    target = journal.rollback_target(records, digest)
    if target is None:
        named = (
            f"release {short(digest)} was never healthy here"
            if digest
            else "no earlier release was healthy here"
        )
        raise PreconditionError(
            f"there is nothing to go back to: {named}",
            state="nothing was changed",
            hint="inv history",
        )
    if not is_complete(site.state.release(target.release)):
        raise PreconditionError(
            f"release {short(target.release)} is no longer kept here: inv prune removed it",
            state="nothing was changed",
            hint=f"inv deploy --image={target.release}",
        )
    if not to and (left := journal.left(records)):
        site.observer.note(
            f"release {short(left.release)} failed and may run: "
            f"back to {short(target.release)}, the release of record"
        )
    release = scene.stored(site, target.release)
    bundle, _ = scene.read_bundle(release)
    kept = values.read(site, site.state.deployment(target.deployment))
    return release, scene.personal(bundle, kept)


def up(site: Site, *, reason: str = "", wait: float = 0) -> dict[str, Any]:
    """Start the release of record again, wave by wave, with the values it was deployed with.

    Raises:
        PreconditionError: there is no release of record, or its data was replaced.
    """
    with exclusive(site, "up", reason=reason, wait=wait) as session:
        recovery.refuse(site.history.records())
        record = _record(site)
        deployment = site.state.deployment(record.deployment)
        ready = scene.reopen(site, deployment, record.release, same_data=True)
        running = site.target.observe(site.bundle.project)
        # Containers that run keep running if this fails; what was down goes down again.
        undo = None if running.containers else plan.nothing()
        todo = planned(site, ready, running, record.deployment, undo, ready)
        refuse_taken_ports(site, ready, running)
        stuck.refuse(ready.services, running, ready.bundle)
        session.signals.hold()
        begun = session.history.begin(
            "up",
            release=todo.release,
            deployment=todo.deployment,
            fingerprint=record.fingerprint,
            plan=todo.digest,
            reason=reason,
        )
        return carry_out(site, session, begun, todo, ready, None)


def down(site: Site, *, reason: str = "", wait: float = 0) -> dict[str, Any]:
    """Stop and remove the containers and networks; data, state and images stay.

    Raises:
        PreconditionError: the containers are not ours.
    """
    with exclusive(site, "down", reason=reason, wait=wait) as session:
        recovery.refuse(site.history.records())
        running = site.target.observe(site.bundle.project)
        plan.refuse_foreign(site.bundle, running)
        if not running.containers:
            return {"state": "down", "changed": False}
        session.signals.hold()
        record = session.history.begin("down", plan=plan.nothing().digest, reason=reason)
        take_down(site, session, record)
        return {"state": "down", "changed": True}


def pull(site: Site, images: Sequence[str], *, wait: float = 0) -> dict[str, Any]:
    """Fetch a release and its images, verify and hold them; no container is touched."""
    release = releases.resolve(site, images)
    with exclusive(site, f"pull {release.short}", wait=wait, aligned=False):
        steps = [
            plan.Pull(
                image,
                plan.local_tag(release.project, image.name, release.digest),
                site.bundle.pull.stalled_after,
            )
            for image in release.images
        ]
        for number, step in enumerate(steps, start=1):
            site.observer.step(number, len(steps), str(step))
            engine.pull(step, site.target, site.observer)
    return releases.as_json(release)


def _bring(
    site: Site,
    session: Session,
    kind: Kind,
    release: Release,
    env: EnvFile,
    reason: str,
    *,
    no_rollback: bool = False,
) -> dict[str, Any]:
    records = site.history.records()
    recovery.refuse(records)
    deployment = site.state.new_deployment(session.history.next_id())
    running = site.target.observe(site.bundle.project)
    undo, undo_scene = (None, None) if no_rollback else way_back(site, records, running)
    if kind == "rollback":  # a registry that is gone must not block it
        undo = fetch_way_back(site, undo)
    ready = scene.prepare(site, release, env, deployment, running)
    todo = planned(site, ready, running, deployment.id, undo, undo_scene)
    refuse_taken_ports(site, ready, running)
    stuck.refuse(ready.services, running, ready.bundle)
    previous = journal.release_of_record(records)
    if kind == "deploy":
        hooks.before(site, session, release=release.digest, previous=previous, reason=reason)
    # As a rollback to it will count them: an image's variable that stands in the file, empty, is
    # the release's all the same.
    values_set = scene.personal(ready.bundle, env).values
    fingerprint = envfile.fingerprint(values_set, site.state.key())
    session.signals.hold()  # what has begun is to be ended, and `carry_out` does that
    record = session.history.begin(
        kind,
        release=todo.release,
        deployment=todo.deployment,
        fingerprint=fingerprint,
        variables=values_set,
        plan=todo.digest,
        reason=reason,
    )
    with telling.outcome(site, session, record, previous):
        return carry_out(site, session, record, todo, ready, undo_scene)


def _plan_only(
    site: Site, release: Release, env: EnvFile, *, no_rollback: bool = False
) -> dict[str, Any]:
    signals = Signals()
    with signals.handled(), _scratch(site, signals) as folder:
        running = site.target.observe(site.bundle.project)
        records = site.history.records()
        undo, undo_scene = (None, None) if no_rollback else way_back(site, records, running)
        deployment = Deployment(site.history.next_id(), folder / "deployment")
        ready = scene.prepare(site, release, env, deployment, running)
        todo = planned(site, ready, running, deployment.id, undo, undo_scene)
        refuse_taken_ports(site, ready, running)
        stuck.refuse(ready.services, running, ready.bundle)
        return planning.view(todo, ready, previous=journal.release_of_record(records))


@contextmanager
def _scratch(site: Site, signals: Signals) -> Iterator[Path]:
    """A folder that is gone afterwards, also after a signal: the values stand in it."""
    folder = site.state.scratch()
    try:
        yield folder
    except Interrupted as err:
        err.state = "nothing was changed"
        raise
    finally:
        with signals.deferred():
            shutil.rmtree(folder, ignore_errors=True)


def _digest_of(site: Site, records: Sequence[Record], to: str) -> str:
    """A release's digest; the 12 digits that are shown will do where they mean just one."""
    if is_digest(to):
        return to
    matching = {r.release for r in records if r.release and short(r.release) == to}
    return (
        matching.pop() if len(matching) == 1 else parse_digest(to, "release digest", "inv history")
    )


def _record(site: Site) -> Record:
    record = journal.of_record(site.history.records())
    if record is None:
        raise PreconditionError(
            "there is no release of record here",
            state="nothing was changed",
            hint="inv deploy --image=sha256:<release>",
        )
    return record
