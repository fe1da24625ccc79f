"""What `status` comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from morphops.core.history.operations import Record
from morphops.core.results.base import Result

JobState: TypeAlias = Literal["done", "failed", "at work", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningImage:
    """The image of a container, beside that of the release.

    Attributes:
        kind: which kind of digest the engine names: `index`, `manifest` or `config`.
        digest: as the engine names it.
        released: the release's digest of the same kind; empty: unknown.
        matches: whether it is the release's image; null: unknown.
    """

    kind: str
    digest: str
    released: str = ""
    matches: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """A container of a service.

    Attributes:
        service: the service's name.
        name: what to call the container: `web-2` where the service has several.
        state: of the container, in the engine's word.
        health: `healthy`, `unhealthy`, `starting`, or empty without a health check.
        created_by: digest of the release that created it.
        image: what it runs.
        ports: published ports: `address:port`.
    """

    service: str
    name: str
    state: str
    health: str
    created_by: str
    image: RunningImage
    ports: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """A job of the release of record.

    Attributes:
        service: its name.
        state: `done`; `failed`: its container ended with another code; `at work`; `unknown`:
            neither a container nor the history says.
        exit_code: of its last run; null where that is not known.
        at: when it ended, UTC, ISO 8601; when it began where its container is gone. Empty: unknown.
        text: the same in words: `done, 0, 3 min ago`.
    """

    service: str
    state: JobState
    exit_code: int | None
    at: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFacts:
    """What a probe showed.

    Attributes:
        ready: whether it passed.
        reason: what was seen, or why it did not pass.
        facts: what it read, by name.
    """

    ready: bool
    reason: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete(Record):
    """An operation without an end: a process works on it now, or it was interrupted.

    Attributes:
        alive: whether a process that holds the lock works on it.
        holder: who that is; empty: there is no such process.
        what: what happened, in one sentence.
        next: what to type next; empty while a process works on it.
    """

    alive: bool
    holder: str
    what: str
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Result):
    """The release of record, and what really runs.

    Attributes:
        state: `healthy`, `unhealthy`, `down`, `no release`, `foreign`, or `unknown`: what is kept
            of the release of record cannot be read.
        exit: 0, whatever it finds.
        project: the stack's name on the engine.
        state_folder: its path.
        release: the release of record; empty: none.
        since: when it became that.
        services: one object for each container.
        probes: the probes that compare services, by name.
        differences: what differs from the release of record, one text each.
        under_way: an operation without an end; null: none.
        history: why the history here is not the one that the engine knows of; empty: it is.
        jobs: the jobs of the release of record.
    """

    state: Literal["healthy", "unhealthy", "down", "no release", "foreign", "unknown"]
    project: str
    state_folder: str
    release: str
    since: str
    services: tuple[RunningService, ...]
    probes: Mapping[str, ProbeFacts]
    differences: tuple[str, ...]
    under_way: Incomplete | None
    history: str
    jobs: tuple[JobFacts, ...] = ()
