"""What `deploy`, `rollback`, `up` and `down` come to, and their plan. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from morphops.core.bundle.beside import Kind
from morphops.core.plan.changes import Action, Change, Names
from morphops.core.results.base import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageChange:
    """The image of a service, before and after.

    Attributes:
        from_: a reference; with `container` the digest that the engine names. Empty: none.
        to: likewise, the same kind of digest of the release. Empty: none.
    """

    from_: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceChange:
    """What happens to one service.

    Attributes:
        service: its name.
        action: `create`; `replace`; `scale` (another number of containers; those that stay are
            kept); `start` (stopped; otherwise unchanged); `run` (a job); `keep`; `remove`.
        compared_with: `release`: the rendering of the release of record. `labels`: what the
            container remembers that it was created from. `container`: what the engine shows of one
            that does not remember it: variables, and how it was started. Empty: nothing.
        image: before and after.
        variables: names of its environment.
        keys: the other keys of its configuration that differ, by the names of the compose-spec.
        contents: the files that it is given and that have another content: `config app.conf`,
            `secret token`, `host file /srv/app.conf`.
        because: why it is replaced although nothing of its own differs, such as `depends on db,
            which is replaced`; else empty.
    """

    service: str
    action: Action
    compared_with: Literal["release", "labels", "container", ""]
    image: ImageChange
    variables: Names
    keys: tuple[str, ...]
    contents: tuple[str, ...] = ()
    because: str = ""


def of_changes(changes: Iterable[Change]) -> tuple[ServiceChange, ...]:
    """Return the changes of a plan as they are shown."""
    return tuple(
        ServiceChange(
            service=change.service,
            action=change.action,
            compared_with=change.compared_with,
            image=ImageChange(from_=change.image_from, to=change.image_to),
            variables=change.variables,
            keys=change.keys,
            contents=change.contents,
            because=change.because,
        )
        for change in changes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedWave:
    """Services that are started together.

    Attributes:
        wave: its number, from 1.
        services: their names.
        deadline: seconds until all must be healthy.
        probes: names of the probes that must pass then.
        jobs: the jobs that stand in it, also those that ran.
    """

    wave: int
    services: tuple[str, ...]
    deadline: float
    probes: tuple[str, ...]
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """A job that runs.

    Attributes:
        service: its name.
        deadline: seconds in which it has to end.
        repeatable: whether it may run once more where it is interrupted.
        reversible: whether the release before works with what it does.
        undo: the service that takes back what it did; empty: none.
    """

    service: str
    deadline: float
    repeatable: bool
    reversible: bool
    undo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBeside:
    """Something that stands beside the compose files, and where it lies for the services.

    Attributes:
        path: relative to the bundle's folder.
        kind: `carried` by the release; `data` of the machine, which stays where it is; `left out`.
        where: absolute; empty: it is left out.
    """

    path: str
    kind: Kind
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedUndo:
    """What is done where the plan fails.

    Attributes:
        release: the release that comes back; empty: nothing is left.
        steps: what would be done, in order.
    """

    release: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult(Result):
    """What a deploy or a rollback would do.

    Attributes:
        state: `planned`; nothing was changed.
        exit: 0.
        project: the stack's name on the engine.
        release: the release that would run; a derived one (`--image=NAME=…`) is named as it will
            be, and neither stored nor pushed.
        previous: the release of record; empty: none.
        changed: whether anything but `keep` is among the changes.
        changes: one object for each service.
        checks: the probes that must pass before anything is touched.
        waves: in order.
        steps: what would be done, in order, as the history will name it.
        undo: what is done on failure; null: nothing would be undone.
        jobs: the jobs that would run, in order.
        warning: what an automatic rollback would not bring back; empty: nothing.
        beside: what services mount from beside the compose files.
    """

    state: Literal["planned"] = "planned"
    project: str
    release: str
    previous: str
    changed: bool
    changes: tuple[ServiceChange, ...]
    checks: tuple[str, ...]
    waves: tuple[PlannedWave, ...]
    steps: tuple[str, ...]
    undo: PlannedUndo | None
    jobs: tuple[PlannedJob, ...] = ()
    warning: str = ""
    beside: tuple[PlannedBeside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployResult(Result):
    """What a deploy, a rollback or an `up` brought.

    Attributes:
        state: `healthy`; after an abort also `down`, or `as before` where nothing was touched.
        exit: 0.
        release: what runs now; for `as before` the release of record. Empty: nothing.
        operation: its number in the history; 0: an abort had nothing to undo.
        changes: one object for each service.
        changed: whether anything but `keep` is among them.
    """

    state: Literal["healthy", "down", "as before"]
    release: str
    operation: int = 0
    changes: tuple[ServiceChange, ...] = ()
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Down(Result):
    """Nothing runs.

    Attributes:
        state: `down`.
        exit: 0.
        changed: whether anything was stopped or removed.
    """

    state: Literal["down"] = "down"
    changed: bool
