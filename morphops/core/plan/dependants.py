"""Which services are recreated because of others: evidence has to come from what is judged. Pure.

A service that stays while what it asks is replaced may answer from its memory. So what depends on a
service is replaced with it: by `depends_on`, and by what a probe judges through it. The bundle's
`keeps` names those that may stay, and why.

Whether something was replaced is read from what is there: the service is older than what it depends
on. So an operation that is taken up again, or undone, finds it too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from morphops.core.bundle.schema import Bundle
from morphops.core.jobs import staying
from morphops.core.stack import Instance, Running, Service


@dataclass(frozen=True)
class Dependencies:
    """What depends on what.

    Attributes:
        direct: service → those that it depends on.
        kept: the services that stay whatever happens to those.
    """

    direct: Mapping[str, frozenset[str]] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()

    @cached_property
    def all(self) -> Mapping[str, frozenset[str]]:
        """Service → those that it depends on, also through others, those that are kept included."""
        return {name: self._reached(name) for name in self.direct}

    def _reached(self, name: str) -> frozenset[str]:
        reached: set[str] = set()
        todo = [name]
        while todo:
            new = self.direct.get(todo.pop(), frozenset()) - reached
            reached |= new
            todo += new
        return frozenset(reached)

    def reasons(self, replaced: Collection[str], running: Running) -> dict[str, str]:
        """The services that are recreated for others: service → why, in words.

        Args:
            replaced: those that are created or replaced for a reason of their own.
            running: what is there.
        """
        movable = sorted(self.direct.keys() - self.kept)
        newer = {name: _newer(name, self.all[name], running) for name in movable}
        # What is too old is replaced too, and with it what depends on that.
        renewed = {*replaced, *(name for name in movable if newer[name])}
        found = {}
        for name in movable:
            if cause := _first(self.all[name] & renewed, self.direct[name]):
                found[name] = f"depends on {cause}, which is replaced"
            elif cause := _first(newer[name], self.direct[name]):
                found[name] = f"depends on {cause}, which is newer than it"
        return found

    def findings(self, waves: Sequence[Sequence[str]]) -> Iterator[str]:
        """Yield what cannot be kept to: nothing is recreated before what it depends on.

        Args:
            waves: the services of each.
        """
        wave_of = {name: number for number, wave in enumerate(waves, start=1) for name in wave}
        for name in sorted(self.direct.keys() - self.kept):
            if name in self.all[name]:
                yield f"{name}: depends on itself, through {', '.join(sorted(self.direct[name]))}"
            for other in sorted(self.direct[name]):
                if wave_of.get(other, 0) > wave_of.get(name, 0):
                    yield f"{name}: depends on {other}, which is in a later wave"


def of(bundle: Bundle, services: Mapping[str, Service]) -> Dependencies:
    """What depends on what in a release; only services that run count.

    Args:
        bundle: says what probes judge, and what is kept.
        services: as they render.
    """
    direct = {name: _direct(name, services) for name in staying(services)}
    for probe in bundle.probes.values():
        asks = probe.asks
        for name in asks.services:
            direct[name] = direct.get(name, frozenset()) | set(asks.judges)
    return Dependencies(
        {name: others & services.keys() for name, others in direct.items() if name in services},
        frozenset(keep.service for keep in bundle.keeps),
    )


def _direct(name: str, services: Mapping[str, Service]) -> frozenset[str]:
    """What a service depends on; in the place of a job what the job depends on.

    A job answers nothing: that it ran is no reason to recreate a service.
    """
    found: set[str] = set()
    seen, todo = {name}, set(services[name].depends_on)
    while todo:
        other = todo.pop()
        seen.add(other)
        job = services[other].job if other in services else None
        if job is None:
            found.add(other)
        else:
            todo |= services[other].depends_on - seen
    return frozenset(found)


def contradictions(bundle: Bundle, services: Mapping[str, Service]) -> Iterator[str]:
    """Yield where `keeps` says that a service stays, and its own files say that it does not."""
    for keep in bundle.keeps:
        service = services.get(keep.service)
        for other in sorted(service.restarts_with) if service else ():
            yield (
                f"{keep.service}: `keeps` lets it stay, and its depends_on says `restart: true` "
                f"for {other}; remove one of them"
            )


def _first(found: Collection[str], direct: Collection[str]) -> str:
    """The one to name: rather one that it depends on itself; empty where there is none."""
    return min(found, key=lambda name: (name not in direct, name), default="")


def _newer(name: str, others: Collection[str], running: Running) -> frozenset[str]:
    """Those that were made, each of their containers, after one of this service was."""
    own = _oldest(running.of(name))
    if not own:
        return frozenset()
    return frozenset(other for other in others if _oldest(running.of(other)) > own)


def _oldest(containers: Sequence[Instance]) -> str:
    """When the oldest was made; empty where there is none, or one of which that is not known."""
    return min((container.created for container in containers), default="")
