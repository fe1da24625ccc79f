"""The tasks: one call each, no decisions. A project has them by `from morphops.tasks import ns`.

Nothing heavy is imported here, so that `inv --list` stays as fast as Invoke itself.
"""

from __future__ import annotations

from invoke.collection import Collection

from morphops.tasks import (
    abort,
    approval,
    audit,
    build,
    bundle,
    deploy,
    down,
    drift,
    env,
    history,
    host,
    image,
    lock,
    logs,
    prune,
    pull,
    quickstart,
    registry,
    release,
    resume,
    rollback,
    runbook,
    smoke,
    status,
    up,
    verify,
    wait,
)

__all__ = ["ns"]

_ALONE = (
    deploy.deploy,
    rollback.rollback,
    resume.resume,
    abort.abort,
    pull.pull,
    up.up,
    down.down,
    wait.wait,
    smoke.smoke,
    status.status,
    verify.verify,
    drift.drift,
    logs.logs,
    prune.prune,
    build.build,
    quickstart.quickstart,
)
# What the functions are called is unique over all groups, most by a prefix that is taken off below:
# Invoke takes two tasks of one name for the same, and of `inv status lock.status` would run one.
_GROUPS = {
    "approval": (
        approval.approval_grant,
        approval.approval_revoke,
        approval.approval_list,
    ),
    "audit": (audit.audit_show, audit.audit_verify),
    "bundle": (bundle.bundle_init, bundle.bundle_show, bundle.bundle_check),
    "env": (
        env.env_template,
        env.env_init,
        env.env_check,
        env.env_show,
        env.env_edit,
        env.env_identity,
        env.env_encrypt,
    ),
    "host": (host.check, host.setup),
    "image": (image.base, image.image_check),
    "lock": (lock.lock_status, lock.lock_break),
    "registry": (registry.registry_up, registry.registry_down),
    "release": (
        release.create,
        release.release_list,
        release.release_show,
        release.release_pin,
        release.release_unpin,
    ),
    "runbook": (
        runbook.runbook_check,
        runbook.runbook_show,
        runbook.runbook_run,
        runbook.runbook_verify,
    ),
}


def _collection() -> Collection:
    collection = Collection(*_ALONE)
    # `inv history` is `inv history.show`.
    past = Collection("history")
    past.add_task(history.history, name="show", default=True)
    past.add_task(history.history_adopt, name="adopt")
    collection.add_collection(past)
    for group, members in _GROUPS.items():
        inner = Collection(group)
        for member in members:
            inner.add_task(member, name=member.name.removeprefix(f"{group}_"))
        collection.add_collection(inner)
    for name in collection.task_names:
        # Invoke would make short flags of what letters are free in each task: `-w` would be
        # --wait-lock in most, and in one --without-running.
        collection[name].auto_shortflags = False
    return collection


ns = _collection()
