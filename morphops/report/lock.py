"""Who holds the lock, or held it."""

from __future__ import annotations

from morphops.core.results.lock import LockBroken, LockStatus
from morphops.report.console import Reporter


def lock_status(reporter: Reporter, result: LockStatus) -> None:
    """Show who holds the lock."""
    reporter.say(f"{result.project}: {result.state}")
    holder = result.holder
    if holder is not None:
        rows = [
            ("what", holder.what),
            ("reason", holder.reason),
            ("user", holder.user),
            ("host", holder.host),
            ("pid", str(holder.pid)),
            ("since (UTC)", holder.since),
        ]
        reporter.table(("", "held"), rows)
    if result.under_way is not None:
        step = result.under_way
        reporter.say(f"operation {step.operation} is at: {step.step}")


def lock_broken(reporter: Reporter, result: LockBroken) -> None:
    """Show from whom the lock was taken, and what is to be done about it."""
    holder = result.holder
    if holder is None:
        reporter.say("the lock is free")
        return
    reporter.say(f"taken from {holder.what}, by {holder.user} on {holder.host}")
    if result.cut_off:
        reporter.say("next: inv status; then inv resume, or inv abort")
