"""A plan, and what became of it, as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from morphops.core.release.digest import short
from morphops.core.results.deploy import (
    PlannedBeside,
    PlannedJob,
    PlannedUndo,
    PlanResult,
    ServiceChange,
)


def plan(result: PlanResult) -> Iterator[str]:
    """Yield the whole plan: services, waves, steps, and what is done on failure."""
    previous = short(result.previous)
    here = f"release {previous} is of record" if previous else "the first one"
    yield f"plan for release {result.release} ({here}; nothing was changed)"
    for line in changes(result.changes):
        yield f"  {line}"
    yield from _beside(result.beside)
    yield "waves:"
    if result.checks:
        yield f"   0. checks, before anything is touched: {', '.join(result.checks)}"
    for wave in result.waves:
        probes = f", then {', '.join(wave.probes)}" if wave.probes else ""
        parts = []
        if wave.services:
            parts.append(f"{' '.join(wave.services)}: healthy within {wave.deadline:g} s")
        if wave.jobs:
            parts.append(f"{' '.join(wave.jobs)}: run to the end")
        yield f"  {wave.wave:2}. {', then '.join(parts)}{probes}"
    yield "steps:"
    for number, step in enumerate(result.steps, start=1):
        yield f"  {number:2}. {step}"
    yield from _undo(result.undo)
    yield from (_job(job) for job in result.jobs)
    if result.warning:
        yield f"note: {result.warning}"


def _job(job: PlannedJob) -> str:
    """What has to be known of a job before it runs."""
    back = "the release before works with what it did" if job.reversible else "not reversible"
    if job.undo:
        back = f"{job.undo} takes back what it did"
    once = "may run twice" if job.repeatable else "is not repeated after a crash"
    return f"job {job.service}: within {job.deadline:g} s; {back}; {once}"


def _beside(rows: Sequence[PlannedBeside]) -> Iterator[str]:
    if rows:
        yield "beside the compose files:"
    for row in rows:
        match row.kind:
            case "carried":
                yield f"  {row.path}: the release's own copy, {row.where}"
            case "data":
                yield f"  {row.path}: data of this machine, {row.where}; it is never removed"
            case _:
                yield f"  {row.path}: left out, so nothing is mounted there"


def changes(rows: Sequence[ServiceChange]) -> Iterator[str]:
    """Yield what happens to each service, and below it what differs."""
    for row in rows:
        yield f"{row.action} {row.service}"
        if row.action in ("replace", "run"):
            for what in _differences(row):
                yield f"    {what}"


def _differences(row: ServiceChange) -> Iterator[str]:
    if row.because:
        yield row.because
    before, after = row.image.from_, row.image.to
    if before and before != after:
        # The same digest from another repository differs in nothing that 12 digits would show.
        whole = _digest(before) == _digest(after)
        shown = (before, after) if whole else (_digest(before), _digest(after))
        yield f"image: {shown[0]} → {shown[1]}"
    variables = row.variables
    parts = [
        f"{verb} {', '.join(names)}"
        for verb, names in (
            ("adds", variables.added),
            ("removes", variables.removed),
            ("other value of", variables.changed),
        )
        if names
    ]
    if parts:
        yield f"variables: {'; '.join(parts)}"
    if row.keys:
        yield f"configuration: {', '.join(row.keys)}"
    if row.contents:
        yield f"other content: {', '.join(row.contents)}"
    if row.compared_with == "container":
        yield (
            "compared with the container: an earlier version or another state folder made it, "
            "so the content of its files is not known"
        )


def _undo(undo: PlannedUndo | None) -> Iterator[str]:
    if undo is None:
        yield "on failure: nothing is undone"
        return
    comes = f"release {short(undo.release)} comes back" if undo.release else "nothing is left"
    yield f"on failure: {comes}:"
    for number, step in enumerate(undo.steps, start=1):
        yield f"  {number:2}. {step}"


def _digest(reference: str) -> str:
    return short(reference.rpartition("@")[2])
