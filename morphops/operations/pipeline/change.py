"""The path of every release that comes to run, from request to recorded end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from morphops.adapters.signals import Signals
from morphops.adapters.store.state_folder import Deployment
from morphops.core.env import dotenv
from morphops.core.env.dotenv import EnvFile
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Kind
from morphops.core.plan import preconditions
from morphops.core.release.release import Release
from morphops.errors import Interrupted
from morphops.operations.pipeline import hooks, notify, planning, prepare
from morphops.operations.pipeline.carry_out import (
    execute_operation,
    fetch_way_back,
    planned,
    refuse_taken_ports,
    way_back,
)
from morphops.operations.pipeline.session import Session
from morphops.site import Site


def bring_release(
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
    ready = prepare.prepare(site, release, env, deployment, running)
    todo = planned(site, ready, running, deployment.id, undo, undo_scene)
    refuse_taken_ports(site, ready, running)
    preconditions.refuse(ready.services, running, ready.bundle)
    previous = operations.release_of_record(records)
    if kind == "deploy":
        hooks.before(site, session, release=release.digest, previous=previous, reason=reason)
    # As a rollback to it will count them: an image's variable that stands in the file, empty, is
    # the release's all the same.
    values_set = prepare.operator_values(ready.bundle, env).values
    fingerprint = dotenv.fingerprint(values_set, site.state.key())
    session.signals.mask()  # what has begun is to be ended, and `execute_operation` does that
    record = session.history.begin(
        kind,
        release=todo.release,
        deployment=todo.deployment,
        fingerprint=fingerprint,
        variables=values_set,
        plan=todo.digest,
        reason=reason,
    )
    with notify.outcome(site, session, record, previous):
        return execute_operation(site, session, record, todo, ready, undo_scene)


def show_plan(
    site: Site, release: Release, env: EnvFile, *, no_rollback: bool = False
) -> dict[str, Any]:
    signals = Signals()
    with signals.handled(), _scratch(site, signals) as folder:
        running = site.target.observe(site.bundle.project)
        records = site.history.records()
        undo, undo_scene = (None, None) if no_rollback else way_back(site, records, running)
        deployment = Deployment(site.history.next_id(), folder / "deployment")
        ready = prepare.prepare(site, release, env, deployment, running)
        todo = planned(site, ready, running, deployment.id, undo, undo_scene)
        refuse_taken_ports(site, ready, running)
        preconditions.refuse(ready.services, running, ready.bundle)
        return planning.view(todo, ready, previous=operations.release_of_record(records))


@contextmanager
def _scratch(site: Site, signals: Signals) -> Iterator[Path]:
    """A folder that is gone afterwards, also after a signal: the values stand in it."""
    folder = site.state.scratch()
    try:
        yield folder
    except Interrupted as err:
        raise err.with_(state="nothing was changed") from None
    finally:
        with signals.shield():
            shutil.rmtree(folder, ignore_errors=True)
