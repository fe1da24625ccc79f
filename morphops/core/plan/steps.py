"""The steps of a plan: a closed union of frozen values. Pure.

`str(step)` is for people. `as_json` is the step's own form for machines. The plan's digest is made
of it, so that other words are never another plan.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

from morphops.core.bundle.schema import PullSpec, Wave
from morphops.core.history.jobs import JobMark
from morphops.core.release.digest import short
from morphops.core.release.release import Image


@dataclass(frozen=True, slots=True)
class _Step:
    """What every step has.

    Attributes:
        kind: its name for machines.
        touches: whether it changes what runs, so that there is something to undo once it has begun.
    """

    kind: ClassVar[str]
    touches: ClassVar[bool] = False

    @property
    def job(self) -> JobMark | None:
        """What the history keeps of the job that it runs or takes back; None for other steps."""
        return None

    def as_json(self) -> dict[str, Any]:
        """The step for machines: its kind, and its fields."""
        return {"step": self.kind, **asdict(self)}


def _in_slot(slot: str) -> str:
    return f" in {slot}" if slot else ""


@dataclass(frozen=True, slots=True)
class Pull(_Step):
    """Fetch an image by digest, verify it and keep it under a local tag.

    Attributes:
        image: what to fetch.
        release: digest of the release that needs it; names the local tag.
        stalled_after: seconds without progress after which the pull is given up.
        back_to: the release that an automatic rollback could not bring back without this image;
            empty for an image of what is to run.
    """

    kind: ClassVar[str] = "pull"

    image: Image
    release: str
    stalled_after: float = PullSpec().stalled_after
    back_to: str = ""

    def as_json(self) -> dict[str, Any]:
        """See `_Step.as_json`."""
        return {
            "step": self.kind,
            "image": self.image.name,
            "ref": str(self.image.ref),
            "release": self.release,
            "back_to": self.back_to,
        }

    def __str__(self) -> str:
        back = f" for an automatic rollback to {short(self.back_to)}" if self.back_to else ""
        return f"pull {self.image.name} {short(self.image.ref.digest)}{back}"


@dataclass(frozen=True, slots=True)
class Check(_Step):
    """A probe that looks at files only, before anything is touched."""

    kind: ClassVar[str] = "check"

    probe: str

    def __str__(self) -> str:
        return f"check {self.probe}"


@dataclass(frozen=True, slots=True)
class Remove(_Step):
    """Stop and remove services: those that the release lacks, or that have to be made again."""

    kind: ClassVar[str] = "remove"
    touches: ClassVar[bool] = True

    services: tuple[str, ...]
    slot: str = ""

    def __str__(self) -> str:
        return f"remove {' '.join(self.services)}{_in_slot(self.slot)}"


@dataclass(frozen=True, slots=True)
class Start(_Step):
    """Start the services of one wave; what runs in the same slot is replaced.

    Attributes:
        wave: its number, from 1.
        services: of the wave.
        slot: where they run.
        again: of these the ones that are recreated even where they are as they should be. When it
            is done, those that are older than what they depend on join them.
        deadline: seconds for those that are replaced together to become healthy, where a service is
            replaced one container after the other.
    """

    kind: ClassVar[str] = "start"
    touches: ClassVar[bool] = True

    wave: int
    services: tuple[str, ...]
    slot: str = ""
    again: tuple[str, ...] = ()
    deadline: float = Wave(services=()).deadline

    def __str__(self) -> str:
        return f"start wave {self.wave}: {' '.join(self.services)}{_in_slot(self.slot)}"


@dataclass(frozen=True, slots=True)
class AwaitHealth(_Step):
    """Wait until the services of a wave are healthy.

    Attributes:
        services: of the wave.
        deadline: seconds.
        earlier: services of the waves before, which have to be healthy still.
        slot: where they run.
    """

    kind: ClassVar[str] = "await-health"

    services: tuple[str, ...]
    deadline: float
    earlier: tuple[str, ...] = ()
    slot: str = ""

    def __str__(self) -> str:
        return f"wait for health: {' '.join(self.services)}{_in_slot(self.slot)}"


@dataclass(frozen=True, slots=True)
class RunJob(_Step):
    """Run a job of a wave to its end; another exit code than 0 fails.

    Attributes:
        mark: the job, and the configuration that it runs with.
        deadline: seconds in which it has to end.
        resumed: whether it was begun before an interruption: what runs is waited for, and what
            ended well counts.
        if_undone: of an automatic rollback: only where this operation took it back.
        slot: where it runs.
    """

    kind: ClassVar[str] = "run-job"
    touches: ClassVar[bool] = True

    mark: JobMark
    deadline: float
    resumed: bool = False
    if_undone: bool = False
    slot: str = ""

    @property
    def job(self) -> JobMark | None:
        """See `_Step.job`."""
        return self.mark

    def __str__(self) -> str:
        return f"run job {self.mark.service}{_in_slot(self.slot)}"


@dataclass(frozen=True, slots=True)
class UndoJob(_Step):
    """Take back what a job of the release that is left did, where it ended well.

    Attributes:
        mark: the job, and the service that takes it back.
        deadline, resumed, slot: see `RunJob`.
    """

    kind: ClassVar[str] = "undo-job"
    touches: ClassVar[bool] = True

    mark: JobMark
    deadline: float
    resumed: bool = False
    slot: str = ""

    @property
    def job(self) -> JobMark | None:
        """See `_Step.job`."""
        return self.mark

    def __str__(self) -> str:
        return f"take back job {self.mark.service}: run {self.mark.undo}{_in_slot(self.slot)}"


@dataclass(frozen=True, slots=True)
class Gate(_Step):
    """A probe that must pass before the plan goes on; `slot` is the one that it asks."""

    kind: ClassVar[str] = "gate"

    probe: str
    slot: str = ""

    def __str__(self) -> str:
        return f"probe {self.probe}{_in_slot(self.slot)}"


@dataclass(frozen=True, slots=True)
class Verify(_Step):
    """Compare what runs with the release, once health was seen to last.

    Attributes:
        settle: seconds in which each service has to pass its health check once more. 0 for a
            rollback, which brings what was seen to last before.
        strict: whether a broken invariant or another network fails it. In a rollback, where it may
            have been so before, it is only reported.
    """

    kind: ClassVar[str] = "verify"

    settle: float = 0.0
    strict: bool = False

    def __str__(self) -> str:
        return "verify what runs"


@dataclass(frozen=True, slots=True)
class Teardown(_Step):
    """Stop and remove everything of the project but its data."""

    kind: ClassVar[str] = "teardown"
    touches: ClassVar[bool] = True

    def __str__(self) -> str:
        return "stop and remove everything"


Step: TypeAlias = (
    Pull | Check | Remove | Start | AwaitHealth | RunJob | UndoJob | Gate | Verify | Teardown
)
