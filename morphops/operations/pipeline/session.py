"""What every use case that changes something runs in: the lock, the signals, a history to write to.

Three things have to be true for as long as it lasts:

- no other operation runs (the lock on the engine)
- the history here is the one that the engine knows of (its head)
- a Ctrl-C waits for a moment that leaves things whole
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from morphops.adapters import actor
from morphops.adapters.signals import Signals
from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.history import heads
from morphops.core.history.heads import Head
from morphops.errors import (
    EngineCallFailed,
    InputError,
    Interrupted,
    LockHeld,
    LockLost,
    MorphopsError,
    PreconditionError,
)
from morphops.interfaces import Held
from morphops.operations.pipeline import secrets
from morphops.site import Site


class Session:
    """One operation that has the lock.

    Attributes:
        signals: holds Ctrl-C back where it must.
        history: writes only while the lock is ours, and tells the engine how far it came.
        found: the head that the engine kept when the operation began.
    """

    def __init__(self, site: Site, held: Held, signals: Signals) -> None:
        self.signals = signals
        self.history = HistoryWriter(
            site.history.path,
            self,
            site.redact,
            held.holder.token_digest,
            site.seed,
            site.history.segments,
        )
        self.found = site.platform.heads.read(site.bundle.project)
        self._site = site
        self._held = held
        self._last = self.found
        # What the engine may have: also the head before, while it is not known to be written.
        self._possible: tuple[Head | None, ...] = (self.found,)

    @property
    def token(self) -> str:
        """For the environment of what this operation starts; see `settings.ENV_LOCK_TOKEN`."""
        return self._held.holder.token

    def mismatch(self) -> str:
        """Why the history here is not the one that the engine knows of; empty where it is."""
        return self.history.mismatch(self.found)

    def check(self, *, sure: bool = True) -> None:
        """See `LockGuard.check`.

        An engine that was restarted has released the lock. Where it is still free, and the head
        is as we left it, nothing happened in between, and it is taken again.

        Raises:
            LockLost: another operator was there.
        """
        if self._held.alive(sure=sure):
            return
        try:
            self._held.reacquire()
        except LockHeld as err:
            raise LockLost(err.what, hint=_GO_ON) from None
        if self._site.platform.heads.read(self._site.bundle.project) not in self._possible:
            raise LockLost("the lock was taken away by `inv lock.break`", hint=_GO_ON)
        self._site.observer.note("the engine had let the lock go; it is held again")

    def report_head(self, head: Head) -> None:
        """See `LockGuard.report_head`."""
        try:
            self._keep(head)
        except MorphopsError as err:
            if head.operation:
                raise
            # What is done is done; the next operation tells the engine.
            self._site.observer.note(f"the engine was not told of the end: {err.what}")

    def catch_up(self) -> None:
        """Report unreported history entries to the engine before new ones are appended.

        So what it does not know of stays what one crash can leave; see `head.mismatch`.

        Raises:
            PreconditionError: it cannot be told now either; nothing was changed.
        """
        entries = self.history.open_entries()
        if not entries or (self.found and entries[-1]["seq"] == self.found.seq):
            return
        try:
            self._keep(heads.of(entries))
        except PreconditionError as err:
            raise err.with_(
                state="this command changed nothing",
                hint="inv host.check; then the same command again",
            ) from None

    def _keep(self, head: Head) -> None:
        self._last = replace(head, fence=self._last.fence if self._last else 0)
        self._possible = (*self._possible, self._last)
        try:
            self._site.platform.heads.write(self._site.bundle.project, self._last)
        except EngineCallFailed:  # once more is cheap, and where it was kept after all, the same
            self._site.platform.heads.write(self._site.bundle.project, self._last)
        self._possible = (self._last,)

    def adopt(self) -> None:
        """From now on the history here is the one that counts."""
        fence = (self.found.fence if self.found else 0) + 1
        self._last = replace(self._last or Head(), fence=fence)


@contextmanager
def exclusive(
    site: Site, what: str, *, reason: str = "", wait: float = 0, aligned: bool = True
) -> Iterator[Session]:
    """Have the lock for the block.

    Args:
        site: where.
        what: the operation, for those who want the lock meanwhile.
        reason: why, likewise.
        wait: seconds to wait for another operator to release it.
        aligned: refuse a history that is not the one that the engine knows of.

    Raises:
        LockHeld: by whom, since when, and why.
        PreconditionError: the history is not the engine's, or the engine cannot be told what is new
            in it; nothing was changed.
        Interrupted: by a signal, and what it found.
    """
    site.state.ensure()
    secrets.learn_secrets(site)  # a reason that a person types stands where others can read it
    signals = Signals()
    holder = actor.holder(what, site.redact(reason))
    inside = site.settings.inside
    project = site.bundle.project
    session: Session | None = None
    try:
        with signals.handled(), site.platform.lock.hold(project, holder, wait, inside) as held:
            session = Session(site, held, signals)
            if aligned:
                refuse_other_history(session.mismatch())
                session.catch_up()
            yield session
    except Interrupted as err:
        if not err.state and not (session and session.history.wrote):
            # What needs no history that counts (a pull) may have done a part of it by then.
            state = "nothing was changed" if aligned else "no container was touched"
            raise err.with_(state=state) from None
        raise


def refuse_other_history(mismatch: str) -> None:
    """Refuse to act on a history that is not the engine's.

    Raises:
        PreconditionError: it is not.
    """
    if mismatch:
        raise PreconditionError(
            f"the history here is not the one that the engine knows of: {mismatch}",
            state="nothing was changed",
            hint="use the state folder that it belongs to (MORPHOPS_STATE); "
            "or, if this one is to count: inv history.adopt --reason=…",
        )


def demand_reason(reason: str, task: str) -> None:
    """Refuse to go on without a reason.

    Raises:
        InputError: there is none.
    """
    if not reason.strip():
        raise InputError(
            f"{task} needs a reason: it is kept in the history",
            state="nothing was changed",
            hint=f'inv {task} --reason="…"',
        )


_GO_ON = "inv status; then inv resume, or inv abort"
