"""In place: wave by wave each container is replaced by its successor. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from morphops.core import jobs
from morphops.core.bundle.schema import Bundle
from morphops.core.plan import changes, exclusive
from morphops.core.plan.desired import Desired
from morphops.core.plan.jobs import step_of
from morphops.core.plan.steps import AwaitHealth, Gate, Remove, RunJob, Start, Step, Verify
from morphops.core.stack import Running, Service

_NO_JOB: Mapping[str, RunJob] = MappingProxyType({})


class InPlace:
    """Implements `Strategy`: one generation, so nothing serves while its services are replaced."""

    def forward(
        self, desired: Desired, running: Running, due: Mapping[str, RunJob] = _NO_JOB
    ) -> tuple[Step, ...]:
        """See `Strategy.forward`.

        What has to go first goes before the first wave; see `removals`.
        """
        first = removals(desired.services, running)
        remove = (Remove(first),) if first else ()
        verify = Verify(desired.bundle.settle, strict=True)
        bundle, services = desired.bundle, desired.services
        again = changes.for_others(bundle, services, running)
        return (*remove, *waves(bundle, services, again, due), verify)

    def back(self, before: Desired, undone: Collection[str] = ()) -> tuple[Step, ...]:
        """See `Strategy.back`.

        Every service is named, also those that were not touched, because starting what runs already
        changes nothing.
        """
        once_more = {
            name: step_of(before.services[name], job, if_undone=True)
            for name, job in jobs.of(before.services).items()
            if name in undone
        }
        return (*waves(before.bundle, before.services, due=once_more), Verify())


def waves(
    bundle: Bundle,
    services: Mapping[str, Service],
    again: Collection[str] = (),
    due: Mapping[str, RunJob] = _NO_JOB,
) -> tuple[Step, ...]:
    """Wave by wave: start, wait for health, run jobs, probe.

    Args:
        bundle: has the waves.
        services: those that are to run.
        again: those that are recreated even where they are as they should be.
        due: the jobs that are to run.
    """
    stay = jobs.staying(services)
    steps: list[Step] = []
    earlier: tuple[str, ...] = ()
    for number, wave in enumerate(bundle.waves, start=1):
        names = tuple(name for name in wave.services if name in stay)
        if names:
            recreated = tuple(name for name in names if name in again)
            steps += [
                Start(number, names, again=recreated, deadline=wave.deadline),
                AwaitHealth(names, wave.deadline, earlier),
            ]
        steps += [due[name] for name in wave.services if name in due]
        if any(name in services for name in wave.services):
            steps += [Gate(probe) for probe in wave.probes]
        earlier += names
    return tuple(steps)


def removals(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    """The services that a plan removes first.

    The release lacks them, they were changed by hand, or they have a port, a name or an address
    that another service is to have.
    """
    by_hand = (
        name
        for name, service in services.items()
        if service.job is None and changes.changed_by_hand(service, running.of(name))
    )
    first = (
        *changes.services_to_remove(services, running),
        *by_hand,
        *exclusive.holders(services, running),
    )
    return tuple(dict.fromkeys(first))
