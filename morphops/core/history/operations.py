"""Operations, put together from the entries of the history, and what follows from them. Pure.

What runs by right, where a rollback goes, what is incomplete, what is approved.

The functions take a history as it is known. That is every operation, or those after a checkpoint
together with what follows from the ones before it (`Past`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from morphops.core.history.jobs import JobMark, JobRun

Kind: TypeAlias = Literal[
    "deploy", "rollback", "up", "down", "prune", "adopt", "break", "approve", "revoke"
]
Outcome: TypeAlias = Literal[
    "deployed",
    "rolled back",
    "failed",
    "refused",
    "stopped",
    "pruned",
    "adopted",
    "broken",
    "recorded",
]
# What a record says that only later entries can say.
END_FIELDS = ("ended", "outcome", "error", "steps", "resumed")
# Only these touch what runs, so only these have to be finished or undone after a crash.
TOUCHING: tuple[Kind, ...] = ("deploy", "rollback", "up", "down")
# Only these, where they come to `deployed`, make a release the one of record.
_RELEASING: tuple[Kind, ...] = ("deploy", "rollback", "adopt")
# Only these may begin while another one is incomplete.
ALLOWED_WHILE_INCOMPLETE: tuple[Kind, ...] = ("adopt", "break")


@dataclass(frozen=True, slots=True)
class ValuesRecord:
    """What the history keeps of the values that a person set: never a value.

    Attributes:
        fingerprint: keyed, of all of them.
        variables: their names.
    """

    fingerprint: str = ""
    variables: Iterable[str] = ()


@dataclass(frozen=True, slots=True)
class Approved:
    """An invariant that may be broken, for a while.

    Attributes:
        name: of the invariant.
        until: when that ends; empty where it does not.
    """

    name: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of an operation.

    Attributes:
        step: what it is.
        at: when it was announced; UTC, ISO 8601.
        touches: whether it may have changed a container.
        result: `ok` or `failed`; empty while it runs, or if it was interrupted.
        took: seconds.
        job: the job that it runs or takes back; null for any other step.
    """

    step: str
    at: str
    touches: bool = True
    result: str = ""
    took: float = 0.0
    job: JobMark | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One operation, put together from its entries.

    Attributes:
        id: number of the operation; also the deployment's, where it made one.
        kind: what was asked for.
        release: the release that it was to bring; empty for `down`.
        deployment: whose files and values were used.
        fingerprint: keyed fingerprint of the env values.
        variables: names of those, sorted; what their values are stands nowhere here.
        reason: why.
        user: who.
        host: from which machine.
        began: when.
        ended: when; empty while it runs, or if it is incomplete.
        outcome: how it came out; empty likewise. `refused`: it failed before anything was touched.
        error: one line, for the outcomes that are failures.
        plan: digest of the plan.
        subject: what it is about, where that is not a release: of an approval, and of its
            revocation, the name of the invariant.
        seed: decides which questions its gates ask; empty where they ask none.
        until: when what it says ends, of an approval; empty where it does not end.
        lock: digest of the token of the lock that it was begun under.
        steps: the steps that were begun, in order, and how each came out.
        resumed: how it was taken up after an interruption: `resume` or `abort`, and by whom.
    """

    id: int
    kind: Kind
    release: str
    deployment: int
    fingerprint: str
    reason: str
    user: str
    host: str
    began: str
    ended: str = ""
    outcome: Outcome | Literal[""] = ""
    error: str = ""
    plan: str = ""
    subject: str = ""
    seed: str = ""
    until: str = ""
    lock: str = ""
    variables: tuple[str, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    resumed: tuple[str, ...] = ()

    @property
    def touched(self) -> bool:
        """Whether one of its steps may have changed a container."""
        return any(done.touches for done in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What follows from all operations before a checkpoint; records are without their steps.

    Attributes:
        last: number of the last operation.
        stack: see `deployment_stack`.
        approvals: those that stand.
        abandoned: see `abandoned_deploy`.
        begun: the last operation that had a deployment.
        stop: see `stop_of_record`.
        jobs: see `jobs.runs`.
    """

    last: int = 0
    stack: tuple[Record, ...] = ()
    approvals: tuple[Record, ...] = ()
    abandoned: Record | None = None
    begun: Record | None = None
    stop: Record | None = None
    jobs: tuple[JobRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Past:
    """A history as it is known from a checkpoint on. No operation before it is incomplete.

    Attributes:
        records: the operations after it, oldest first.
        before: what follows from those before it.
    """

    records: tuple[Record, ...] = ()
    before: Standing = Standing()

    def until(self, record: Record) -> Past:
        """The history as it was when this operation, one of `records`, began."""
        return replace(self, records=self.records[: self.records.index(record)])


Known: TypeAlias = Past | Sequence[Record]


def past_of(known: Known) -> Past:
    """The same history; of one that is known whole nothing lies before a checkpoint."""
    return known if isinstance(known, Past) else Past(tuple(known))


def replay(entries: Iterable[Mapping[str, Any]]) -> tuple[Record, ...]:
    """The operations of a history, oldest first; see `apply_entry`."""
    records: dict[int, Record] = {}
    for entry in entries:
        apply_entry(records, entry)
    return tuple(records.values())


def apply_entry(records: dict[int, Record], entry: Mapping[str, Any]) -> None:
    """Put the next entry of a history where it belongs.

    Each kind of entry says only what is its own to say. No single line can announce an operation
    and how it came out, or make another one of it. Nothing comes after its end.

    Args:
        records: the operations so far, by number; changed.
        entry: of the chain.

    Raises:
        ValueError, KeyError, TypeError: it is not an entry of ours.
    """
    fields = {key: value for key, value in entry.items() if key not in ("seq", "prev", "hash")}
    kind, id_ = fields.pop("entry"), fields["id"]
    if kind == "begin":
        records[id_] = _begun(records, fields)
        return
    record = records[id_]
    if record.outcome:
        raise ValueError(f"operation {id_} has ended")
    match kind:
        case "step":
            # One that does not say it may have.
            done = StepRecord(fields["step"], fields["at"], bool(fields.get("touches", True)))
            if mark := fields.get("job"):
                done = replace(done, job=JobMark(**mark))
            records[id_] = replace(record, steps=(*record.steps, done))
        case "result":
            *before, last = record.steps
            last = replace(last, result=fields["result"], took=fields["took"])
            records[id_] = replace(record, steps=(*before, last))
        case "resume":
            taken_up = f"{fields['how']} by {fields['user']} on {fields['host']}, {fields['at']}"
            records[id_] = replace(record, resumed=(*record.resumed, taken_up))
        case "end":
            records[id_] = _ended(record, fields)
        case unknown:
            raise ValueError(unknown)


def _begun(records: Mapping[int, Record], fields: Mapping[str, Any]) -> Record:
    if fields.keys() & set(END_FIELDS):
        raise ValueError("a beginning knows of no end")
    if not isinstance(fields["id"], int) or fields["id"] in records:
        raise ValueError("not the number of a new operation")
    if fields["kind"] not in get_args(Kind):
        raise ValueError(fields["kind"])
    return Record(**{**fields, "variables": tuple(fields.get("variables", ()))})


def _ended(record: Record, fields: Mapping[str, Any]) -> Record:
    if fields.keys() != {"id", "ended", "outcome", "error"}:
        raise ValueError("an end says how it came out, and nothing else")
    if fields["outcome"] not in get_args(Outcome):
        raise ValueError(fields["outcome"])
    return replace(record, **fields)


def next_id(known: Known) -> int:
    """The number of the operation that begins next."""
    past = past_of(known)
    return max((record.id for record in past.records), default=past.before.last) + 1


# So many deployments back a rollback finds its release automatically; `--to` goes further.
DEPTH = 50


def deployment_stack(known: Known) -> tuple[Record, ...]:
    """The stack of healthy deployments, the one of record last; at most `DEPTH` of them.

    A deploy of something new goes on top. A rollback goes back to where its target lies and drops
    what is above, so that rolling back twice goes back twice. A rollback to a release that was
    dropped in this way (`--to`) goes on top again. `up` changes nothing of this.
    """
    past = past_of(known)
    stack = list(past.before.stack)
    for record in past.records:
        if record.outcome != "deployed" or record.kind not in _RELEASING:
            continue
        if record.kind == "rollback" and any(
            _same(previous_deployment, record) for previous_deployment in stack
        ):
            while not _same(stack[-1], record):
                stack.pop()
        if not stack or not _same(stack[-1], record):
            stack.append(record)
        else:
            stack[-1] = record
        del stack[:-DEPTH]
    return tuple(stack)


def deployment_of_record(known: Known) -> Record | None:
    """The deployment that runs by right, if there is one."""
    stack = deployment_stack(known)
    return stack[-1] if stack else None


def release_of_record(known: Known) -> str:
    """The digest of the release that runs by right; empty where there is none."""
    record = deployment_of_record(known)
    return record.release if record else ""


def previous_deployment(known: Known) -> Record | None:
    """The healthy deployment before the one of record, if there is one."""
    stack = deployment_stack(known)
    return stack[-2] if len(stack) > 1 else None


def abandoned_deploy(known: Known) -> Record | None:
    """The deploy that failed and was not undone, where its containers may run still.

    A rollback that failed is none: who says it once more means the same place.
    """
    past = past_of(known)
    found = past.before.abandoned
    for record in past.records:
        if record.kind == "deploy" and record.outcome == "failed":
            found = record
        elif record.outcome in ("deployed", "rolled back", "stopped"):
            found = None
    return found


def rollback_target(known: Known) -> Record | None:
    """Where a rollback goes: to the last healthy deployment before what runs.

    That is the one before the deployment of record; or that one itself, where a deploy failed
    after it and was left as it was.
    """
    return deployment_of_record(known) if abandoned_deploy(known) else previous_deployment(known)


def last_healthy_of(records: Sequence[Record], release: str) -> Record | None:
    """The last healthy deployment of a release.

    Args:
        records: the whole history.
        release: its digest.
    """
    for record in reversed(records):
        if record.outcome == "deployed" and record.release == release:
            return record
    return None


def last_begun(known: Known) -> Record | None:
    """The last operation that had a deployment, however it came out."""
    past = past_of(known)
    begun = (record for record in reversed(past.records) if record.deployment)
    return next(begun, past.before.begun)


def last_healthy(records: Sequence[Record]) -> tuple[str, ...]:
    """The releases that were healthy once, each one once, the one of record first.

    What was rolled back from is among them: it was healthy, and a rollback may go to it again.

    Args:
        records: the whole history.
    """
    done = [r for r in records if r.outcome == "deployed" and r.kind in _RELEASING]
    return tuple(dict.fromkeys(record.release for record in reversed(done)))


def failed_attempts(records: Sequence[Record]) -> tuple[Record, ...]:
    """What came to nothing since the deployment of record, the last one last.

    Args:
        records: the whole history.
    """
    record = deployment_of_record(records)
    since = [r for r in records if record is None or r.id > record.id]
    return tuple(
        r
        for r in since
        if r.kind in ("deploy", "rollback") and r.outcome in ("refused", "failed", "rolled back")
    )


def incomplete_operation(known: Known) -> Record | None:
    """The last operation that touches what runs, where it never came to its end.

    An interrupted prune leaves nothing half: no kept release needs what it removes. Who
    adopts a history takes what runs as it is.
    """
    for record in reversed(past_of(known).records):
        if record.kind == "adopt" and record.outcome:
            return None
        if record.kind in TOUCHING:
            return record if not record.outcome else None
    return None


def approvals(known: Known, now: str) -> dict[str, Record]:
    """The approvals that stand, by the name of the invariant.

    Args:
        known: the history.
        now: UTC, ISO 8601, as the history writes it; an approval may end.
    """
    given = given_approvals(known).items()
    return {name: record for name, record in given if not record.until or now < record.until}


def given_approvals(known: Known) -> dict[str, Record]:
    """The approvals that were given and not revoked, also those that ended, by the invariant.

    One that was begun and has no end was never given; likewise a revocation.
    """
    past = past_of(known)
    standing = {record.subject: record for record in past.before.approvals}
    for record in past.records:
        if record.outcome != "recorded":
            continue
        if record.kind == "approve":
            standing[record.subject] = record
        elif record.kind == "revoke":
            standing.pop(record.subject, None)
    return standing


def approved(known: Known, now: str) -> frozenset[str]:
    """The invariants that may be broken by now; see `approvals`."""
    return frozenset(approvals(known, now))


def stop_of_record(known: Known) -> Record | None:
    """The `down` since which nothing was started; None where the stack was not stopped."""
    past = past_of(known)
    done = [record for record in past.records if record.outcome in ("deployed", "stopped")]
    last = done[-1] if done else past.before.stop
    return last if last is not None and last.outcome == "stopped" else None


def is_down(known: Known) -> bool:
    """Whether the stack was stopped on purpose and not started since."""
    return stop_of_record(known) is not None


def _same(one: Record, other: Record) -> bool:
    return (one.release, one.fingerprint) == (other.release, other.fingerprint)
