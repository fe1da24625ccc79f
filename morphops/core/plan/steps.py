"""The steps of a plan: a closed union of frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from morphops.core.bundle.schema import PullSpec
from morphops.core.release.digest import short
from morphops.core.release.release import Image


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch an image by digest, verify it and hold it under a local tag.

    `stalled_after`: seconds without progress after which the pull is given up. `back_to`: the
    release that could not be brought back without this image; empty for what is to run.
    """

    image: Image
    tag: str
    stalled_after: float = PullSpec().stalled_after
    back_to: str = ""

    def __str__(self) -> str:
        back = f" for the way back to {short(self.back_to)}" if self.back_to else ""
        return f"pull {self.image.name} {short(self.image.ref.digest)}{back}"


@dataclass(frozen=True, slots=True)
class Check:
    """A probe that looks at files only, before anything is touched."""

    probe: str

    def __str__(self) -> str:
        return f"check {self.probe}"


@dataclass(frozen=True, slots=True)
class Remove:
    """Stop and remove services: what the release does not have, or what has to be made anew."""

    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"remove {' '.join(self.services)}"


@dataclass(frozen=True, slots=True)
class Start:
    """Start the services of one wave."""

    wave: int
    services: tuple[str, ...]

    def __str__(self) -> str:
        return f"start wave {self.wave}: {' '.join(self.services)}"


@dataclass(frozen=True, slots=True)
class AwaitHealth:
    """Wait until the services of a wave are healthy; `deadline` in seconds.

    `earlier` are those of the waves before, which have to be healthy still.
    """

    services: tuple[str, ...]
    deadline: float
    earlier: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"wait for health: {' '.join(self.services)}"


@dataclass(frozen=True, slots=True)
class Gate:
    """A probe that must pass before the plan goes on."""

    probe: str

    def __str__(self) -> str:
        return f"probe {self.probe}"


@dataclass(frozen=True, slots=True)
class Verify:
    """Compare what runs with the release, once it was seen to last.

    `settle`: seconds in which each service has to pass its health check once more; 0 for the way
    back, which brings what was seen to last before. `strict`: whether a broken invariant or another
    network fails it; on the way back, where it may have been so before, it is only told of.
    """

    settle: float = 0.0
    strict: bool = False

    def __str__(self) -> str:
        return "verify what runs"


@dataclass(frozen=True, slots=True)
class Teardown:
    """Stop and remove everything of the project but its data."""

    def __str__(self) -> str:
        return "stop and remove everything"


Step: TypeAlias = Pull | Check | Remove | Start | AwaitHealth | Gate | Verify | Teardown

# Only after one of these has begun is there anything to undo.
TOUCHING = (Remove, Start, Teardown)
