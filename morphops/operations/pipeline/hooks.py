"""Hooks: executables of the project that are run before and after a release is brought.

They learn what it is about by their environment: MORPHOPS_MOMENT, MORPHOPS_PROJECT,
MORPHOPS_RELEASE, MORPHOPS_PREVIOUS (the release of record before), MORPHOPS_OUTCOME and
MORPHOPS_REASON. No value of the env file is in it. One may call tasks that look; one that changes
something is told that the lock is held, by the operation that it is part of. One that takes too
long is stopped with all that it started, and so is one whose operation was killed.
"""

from __future__ import annotations

from morphops.adapters import process
from morphops.adapters.process import Ended
from morphops.adapters.store.trust import who_may_change
from morphops.core.bundle.moments import Moment
from morphops.core.history.operations import Record
from morphops.errors import Interrupted, PreconditionError
from morphops.operations.pipeline.session import Session
from morphops.settings import ENV_LOCK_TOKEN
from morphops.site import Site

_GRACE = 5.0
_SHOWN = 10
_NOT_RUN = 126  # as shells have it


def before(site: Site, session: Session, *, release: str, previous: str, reason: str) -> None:
    """Ask the hook `before-deploy`, if there is one.

    Raises:
        PreconditionError: it failed, so the deploy does not begin.
        Interrupted: by a signal; nothing was changed.
    """
    ended = _run(site, session, "before-deploy", release, previous, "", reason)
    if ended is None:
        return
    if ended.interrupted:
        raise Interrupted(
            "interrupted in the hook before-deploy",
            signum=ended.interrupted,
            state="nothing was changed",
        )
    if ended.code:
        raise PreconditionError(
            f"the hook before-deploy {_how(ended)}, so nothing was deployed",
            detail=site.redact.lines((*ended.out.splitlines(), *ended.progress)[-_SHOWN:]),
            state="nothing was changed",
            hint=f"see {site.bundle.hooks['before-deploy'].run}",
        )


def after(site: Site, session: Session, moment: Moment, record: Record, previous: str) -> None:
    """Tell a hook how an operation came out; that it fails is shown, and changes nothing."""
    ended = _run(site, session, moment, record.release, previous, record.outcome, record.reason)
    if ended is not None and ended.code:
        why = f": {ended.progress[-1]}" if ended.code == _NOT_RUN and ended.progress else ""
        site.observer.note(site.redact(f"the hook {moment} {_how(ended)}{why}"))


def _run(
    site: Site,
    session: Session,
    moment: Moment,
    release: str,
    previous: str,
    outcome: str,
    reason: str,
) -> Ended | None:
    hook = site.bundle.hooks.get(moment)
    if hook is None:
        return None
    path = (site.folder / hook.run).resolve()
    if whose := who_may_change(path):
        return Ended(_NOT_RUN, "", (f"{hook.run} is not run: {whose}",))
    site.observer.note(f"hook {moment}: {hook.run}")
    env = {
        "MORPHOPS_MOMENT": moment,
        "MORPHOPS_PROJECT": site.bundle.project,
        "MORPHOPS_RELEASE": release,
        "MORPHOPS_PREVIOUS": previous,
        "MORPHOPS_OUTCOME": outcome,
        "MORPHOPS_REASON": reason,
        ENV_LOCK_TOKEN: session.token,
    }
    try:
        with session.signals.interruptible():
            return process.run(
                [str(path)],
                folder=site.folder,
                timeout=hook.timeout,
                say=lambda line: site.observer.note(site.redact(line)),
                env=env,
                grace=_GRACE,
                whole=True,
            )
    except OSError as err:
        return Ended(_NOT_RUN, "", (f"{hook.run}: {err.strerror}",))


def _how(ended: Ended) -> str:
    return "took too long" if ended.timed_out else f"ended with {ended.code}"
