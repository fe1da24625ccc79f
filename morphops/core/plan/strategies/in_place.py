"""In place: wave by wave each container is replaced by its successor. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from morphops.core.bundle.schema import Bundle
from morphops.core.plan import changes
from morphops.core.plan.desired import Desired
from morphops.core.plan.steps import AwaitHealth, Gate, Remove, Start, Step, Verify
from morphops.core.stack import Running, Service


class InPlace:
    """Implements `Strategy`: one generation, so nothing serves while its services are replaced."""

    def forward(self, desired: Desired, running: Running) -> tuple[Step, ...]:
        """See `Strategy.forward`.

        Services that the release lacks go before the first wave: they may hold a port or a name.
        """
        first = removals(desired.services, running)
        remove = (Remove(first),) if first else ()
        verify = Verify(desired.bundle.settle, strict=True)
        return (*remove, *waves(desired.bundle, desired.services), verify)

    def back(self, before: Desired) -> tuple[Step, ...]:
        """See `Strategy.back`.

        Every service is named, also those that were not touched, because starting what runs already
        changes nothing.
        """
        return (*waves(before.bundle, before.services), Verify())


def waves(bundle: Bundle, services: Mapping[str, Service]) -> tuple[Step, ...]:
    """Wave by wave: start, wait for health, probe."""
    steps: list[Step] = []
    earlier: tuple[str, ...] = ()
    for number, wave in enumerate(bundle.waves, start=1):
        names = tuple(name for name in wave.services if name in services)
        if not names:
            continue
        steps += [Start(number, names), AwaitHealth(names, wave.deadline, earlier)]
        steps += [Gate(probe) for probe in wave.probes]
        earlier += names
    return tuple(steps)


def removals(services: Mapping[str, Service], running: Running) -> tuple[str, ...]:
    """The services that a plan removes first: the release lacks them, or their networks differ."""
    elsewhere = (
        name
        for name, service in services.items()
        if changes.on_wrong_networks(service, running.of(name))
    )
    return (*changes.services_to_remove(services, running), *elsewhere)
