"""The tasks: one call each, no decisions. A project has them by `from morphops.tasks import ns`.

Nothing heavy is imported here, so that `inv --list` stays as fast as Invoke itself.
"""

from __future__ import annotations

from invoke.collection import Collection

from morphops.tasks import (
    approvals,
    building,
    bundle,
    deploying,
    env,
    history,
    host,
    lock,
    looking,
    releases,
    runbooks,
)

__all__ = ["ns"]

_ALONE = (
    deploying.deploy,
    deploying.rollback,
    deploying.pull,
    deploying.up,
    deploying.down,
    looking.wait,
    looking.smoke,
    looking.status,
    looking.verify,
    looking.drift,
    looking.logs,
    releases.prune,
    building.build,
    host.quickstart,
)
# What the functions are called is unique over all groups, most by a prefix that is taken off below:
# Invoke takes two tasks of one name for the same, and of `inv status lock.status` would run one.
_GROUPS = {
    "approval": (
        approvals.approval_grant,
        approvals.approval_revoke,
        approvals.approval_list,
    ),
    "audit": (history.audit_show, history.audit_verify),
    "bundle": (bundle.bundle_check,),
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
    "image": (building.base, building.image_check),
    "lock": (lock.lock_status, lock.lock_break),
    "registry": (building.registry_up, building.registry_down),
    "release": (
        releases.create,
        releases.release_list,
        releases.release_show,
        releases.release_pin,
        releases.release_unpin,
    ),
    "runbook": (
        runbooks.runbook_check,
        runbooks.runbook_show,
        runbooks.runbook_run,
        runbooks.runbook_verify,
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
