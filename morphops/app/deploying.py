"""Use cases that change what runs: deploy, rollback, up, down, pull."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from morphops import engine, envfile, journal, plan
from morphops.app import releases, scene
from morphops.app.outcome import failure
from morphops.app.site import Site
from morphops.engine import Scene, Signals
from morphops.envfile import EnvFile
from morphops.errors import MorphopsError, PreconditionError
from morphops.journal import Kind, Record
from morphops.layout import is_complete
from morphops.model import Release, is_digest, parse_digest, short
from morphops.state import Deployment
from morphops.target import Running


def deploy(
    site: Site,
    images: Sequence[str],
    *,
    env_file: str = "",
    plan_only: bool = False,
    reason: str = "",
) -> dict[str, Any]:
    """Bring a release.

    Args:
        site: where.
        images: see `releases.resolve`.
        env_file: path; empty for the default.
        plan_only: compute and return the plan, change nothing.
        reason: why, for the history.

    Returns:
        what runs now, or the plan.

    Raises:
        RolledBack, RollbackFailed, Interrupted: it failed after it had begun.
        MorphopsError: it failed before; nothing was changed.
    """
    release = releases.resolve(site, images)
    env = envfile.scan_file(site.env_file(env_file))
    if plan_only:
        return _plan_only(site, release, env)
    signals = Signals()
    with journal.lock(site.lock, f"deploy {release.short}"), signals.handled():
        return _bring(site, "deploy", release, env, signals, reason)


def rollback(
    site: Site, *, to: str = "", plan_only: bool = False, reason: str = ""
) -> dict[str, Any]:
    """Go back to the last healthy deployment before this one: its files and its values.

    Everything it needs is here already, so no registry is asked.

    Args:
        site: where.
        to: a release that was healthy here, instead.
        plan_only: compute and return the plan, change nothing.
        reason: why, for the history.

    Raises:
        PreconditionError: there is nothing to go back to.
    """
    signals = Signals()
    with journal.lock(site.lock, "rollback"), signals.handled():
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
        release = scene.stored(site, target.release)
        bundle, _ = scene.read_bundle(release)
        env = scene.personal(bundle, scene.stored_values(site.state.deployment(target.deployment)))
        if plan_only:
            return _plan_only(site, release, env)
        return _bring(site, "rollback", release, env, signals, reason)


def up(site: Site, *, reason: str = "") -> dict[str, Any]:
    """Start the release of record again, wave by wave, with the values it was deployed with.

    Raises:
        PreconditionError: there is no release of record.
    """
    signals = Signals()
    with journal.lock(site.lock, "up"), signals.handled():
        record = _record(site)
        ready = scene.reopen(site, site.state.deployment(record.deployment), record.release)
        running = site.target.observe(site.bundle.project)
        # Containers that run keep running if this fails; what was down goes down again.
        undo = None if running.containers else plan.nothing()
        todo = plan.deploy(
            ready.bundle,
            ready.release,
            ready.services,
            running,
            deployment=record.deployment,
            undo=undo,
        )
        refuse_taken_ports(ready, running)
        return _carry_out(site, "up", todo, ready, None, record.fingerprint, signals, reason)


def down(site: Site, *, reason: str = "") -> dict[str, Any]:
    """Stop and remove the containers and networks; data, state and images stay.

    Raises:
        PreconditionError: the containers are not ours.
    """
    signals = Signals()
    with journal.lock(site.lock, "down"), signals.handled():
        running = site.target.observe(site.bundle.project)
        plan.refuse_foreign(site.bundle, running)
        if not running.containers:
            return {"state": "down", "changed": False}
        record = site.history.begin("down", release="", deployment=0, fingerprint="", reason=reason)
        try:
            with signals.shielded():
                site.observer.step(1, 1, str(plan.Teardown()))
                site.target.teardown(site.bundle.project)
        except MorphopsError as err:
            site.history.end(record, "failed", err.what)
            raise
        site.history.end(record, "stopped")
        return {"state": "down", "changed": True}


def pull(site: Site, images: Sequence[str]) -> dict[str, Any]:
    """Fetch a release and its images, verify and hold them; no container is touched."""
    release = releases.resolve(site, images)
    signals = Signals()
    with journal.lock(site.lock, f"pull {release.short}"), signals.handled():
        steps = [
            plan.Pull(image, plan.local_tag(release.project, image.name, release.digest))
            for image in release.images
        ]
        for number, step in enumerate(steps, start=1):
            site.observer.step(number, len(steps), str(step))
            engine.pull(step, site.target, site.observer)
    return releases.as_json(release)


def _bring(
    site: Site, kind: Kind, release: Release, env: EnvFile, signals: Signals, reason: str
) -> dict[str, Any]:
    records = site.history.records()
    _tell_of_cut_off(site, records)
    deployment = site.state.deployment(site.history.next_id())
    running = site.target.observe(site.bundle.project)
    undo, undo_scene = _way_back(site, records, running)
    ready = scene.prepare(site, release, env, deployment, running)
    todo = plan.deploy(
        ready.bundle,
        release,
        ready.services,
        running,
        deployment=deployment.id,
        undo=undo,
    )
    refuse_taken_ports(ready, running)
    fingerprint = envfile.fingerprint(env.values, site.state.key())
    return _carry_out(site, kind, todo, ready, undo_scene, fingerprint, signals, reason)


def _carry_out(
    site: Site,
    kind: Kind,
    todo: plan.Plan,
    ready: Scene,
    undo_scene: Scene | None,
    fingerprint: str,
    signals: Signals,
    reason: str,
) -> dict[str, Any]:
    history = site.history
    record = history.begin(
        kind,
        release=todo.release,
        deployment=todo.deployment,
        fingerprint=fingerprint,
        reason=reason,
    )
    outcome = engine.run(
        todo,
        ready,
        undo_scene,
        target=site.target,
        project=site.bundle.project,
        announce=lambda text: history.step(record, text),
        observer=site.observer,
        signals=signals,
    )
    error = site.redact(outcome.error.what) if outcome.error else ""
    history.end(record, outcome.kind, error)
    if outcome.kind != "deployed":
        raise failure(site, todo, outcome)
    return {
        "state": "healthy",
        "release": todo.release,
        "operation": record.id,
        "changes": [str(change) for change in todo.changes],
        "changed": any(change.action != "keep" or change.why for change in todo.changes),
    }


def _way_back(
    site: Site, records: Sequence[Record], running: Running
) -> tuple[plan.Plan | None, Scene | None]:
    """What undoes a deploy: the deployment of record, or nothing at all where nothing runs."""
    if not running.containers:
        return plan.nothing(), None
    record = journal.of_record(records)
    if record is None:
        # Somebody relies on these; that our memory of them is lost is no reason to remove them.
        site.observer.note("there is no way back: what runs is not in this state folder's history")
        return None, None
    deployment = site.state.deployment(record.deployment)
    try:
        before = scene.reopen(site, deployment, record.release)
    except MorphopsError as err:
        site.observer.note(f"there is no way back to {short(record.release)}: {err.what}")
        return None, None
    undo = plan.back(before.bundle, record.release, before.services, deployment=deployment.id)
    return undo, before


def _plan_only(site: Site, release: Release, env: EnvFile) -> dict[str, Any]:
    site.state.ensure()
    running = site.target.observe(site.bundle.project)
    undo, _ = _way_back(site, site.history.records(), running)
    with tempfile.TemporaryDirectory(dir=site.state.root, prefix=".plan-") as folder:
        deployment = Deployment(site.history.next_id(), Path(folder) / "deployment")
        ready = scene.prepare(site, release, env, deployment, running)
        todo = plan.deploy(
            ready.bundle, release, ready.services, running, deployment=deployment.id, undo=undo
        )
        refuse_taken_ports(ready, running)
    return {
        "state": "planned",
        "release": release.digest,
        "changes": [str(change) for change in todo.changes],
        "steps": [str(step) for step in todo.steps],
        "undo": [str(step) for step in todo.undo.steps] if todo.undo else [],
    }


def refuse_taken_ports(ready: Scene, running: Running) -> None:
    """Refuse before anything is touched when a port that is needed is somebody else's.

    Raises:
        PreconditionError: naming each.
    """
    wanted = {(p.host, p.published) for s in ready.services.values() for p in s.ports}
    taken = plan.taken_ports(ready.services, running, {port: _free(*port) for port in wanted})
    if taken:
        raise PreconditionError(
            taken[0],
            detail=taken[1:],
            state="nothing was changed",
            hint="stop what listens there, or choose another port in the env file",
        )


def _free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _digest_of(site: Site, records: Sequence[Record], to: str) -> str:
    """A release's digest; the 12 digits that are shown will do where they mean just one."""
    if is_digest(to):
        return to
    matching = {r.release for r in records if r.release and short(r.release) == to}
    return matching.pop() if len(matching) == 1 else parse_digest(to, "release digest")


def _record(site: Site) -> Record:
    record = journal.of_record(site.history.records())
    if record is None:
        raise PreconditionError(
            "there is no release of record here",
            state="nothing was changed",
            hint="inv deploy --image=sha256:<release>",
        )
    return record


def _tell_of_cut_off(site: Site, records: Sequence[Record]) -> None:
    record = journal.cut_off(records)
    if record is not None:
        last = record.steps[-1] if record.steps else "before its first step"
        site.observer.note(
            f"the last {record.kind} (operation {record.id}) was cut off at: {last}; "
            "this one converges from whatever it left"
        )
