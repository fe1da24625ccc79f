"""Who is told how a deploy or a rollback came out, and when: the bundle's hook, then its webhook.

An operation that was incomplete and taken up again is told as well, when it ends. `up` and `down`
are not: no release changes hands. What fails here is shown, and does not change the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from morphops.core.bundle.moments import Ending, Notify
from morphops.core.history.operations import Record
from morphops.core.release.digest import short
from morphops.core.results.base import Json
from morphops.core.results.message import WebhookMessage
from morphops.errors import Interrupted, MorphopsError
from morphops.operations.pipeline import evidence, hooks, values
from morphops.operations.pipeline.session import Session
from morphops.site import Site


def moment_of(record: Record) -> Ending | None:
    """What an operation that ended is told as; None: nothing is reported."""
    if record.kind not in ("deploy", "rollback") or not record.outcome:
        return None
    if record.outcome != "deployed":
        return "on-failure"
    return "after-deploy" if record.kind == "deploy" else "after-rollback"


@contextmanager
def outcome(site: Site, session: Session, record: Record, previous: str) -> Iterator[None]:
    """Tell of what the block carries out, whether it works or fails; see `after`."""
    try:
        yield
    except MorphopsError:
        after(site, session, record, previous)
        raise
    after(site, session, record, previous)


def after(site: Site, session: Session, record: Record, previous: str) -> None:
    """Tell of an operation that ended. Nothing is reported where another operator took the lock.

    Args:
        site: where.
        session: its history holds the end.
        record: the operation.
        previous: the release of record before it; empty for none.
    """
    try:
        ended = next(r for r in session.history.past().records if r.id == record.id)
        _tell(site, session, ended, previous)
    except MorphopsError as err:  # it must not hide how the operation came out
        site.observer.note(f"not everybody was told of it: {site.redact(err.what)}")


def _tell(site: Site, session: Session, record: Record, previous: str) -> None:
    moment = moment_of(record)
    if moment is None:
        return
    hooks.after(site, session, moment, record, previous)
    notify = site.bundle.notify
    if notify is not None and moment in notify.moments:
        failed = _post(site, session, notify, record, message(site, moment, record, previous))
        if failed:
            site.observer.note(f"the webhook was not told of {moment}: {failed}")


def message(site: Site, moment: Ending, record: Record, previous: str) -> dict[str, Json]:
    """Return what the webhook is sent; see docs/reference/json.md."""
    folder = evidence.folder_of(site, record) if moment == "on-failure" else None
    body = WebhookMessage(
        text=f"{site.bundle.project}: {record.kind} of {short(record.release)} {record.outcome}",
        project=site.bundle.project,
        moment=moment,
        operation=record.id,
        kind=record.kind,
        release=record.release,
        previous=previous,
        outcome=record.outcome,
        error=" ".join(record.error.split()),
        reason=record.reason,
        user=record.user,
        host=record.host,
        began=record.began,
        ended=record.ended,
        evidence=str(folder) if folder else "",
    )
    clean: dict[str, Json] = site.redact.within(body.as_json())
    return clean


def _post(
    site: Site, session: Session, notify: Notify, record: Record, body: dict[str, Json]
) -> str:
    url = site.environ.get(notify.url_from) or _stored(site, notify, record)
    if not url:
        return f"{notify.url_from} is not set"
    site.redact.learn([url])
    try:
        with session.signals.interruptible():
            return site.webhook.post(url, site.redact.within(body), timeout=notify.timeout)
    except Interrupted:
        return "interrupted while it was"  # the operation is over; how it came out stands


def _stored(site: Site, notify: Notify, record: Record) -> str:
    """The URL of the env file that the operation used."""
    try:
        env = values.read_values(site, site.state.deployment(record.deployment))
    except MorphopsError:
        return ""
    return env.values.get(notify.url_from, "")
