"""What a plan leaves alone although it cannot get well so: known before anything is touched. Pure.

To start what is paused is refused by the engine, and what is unhealthy stays so while nothing about
it changes. A deploy would fail there, and its way back in the same place.
"""

from __future__ import annotations

from collections.abc import Mapping

from morphops import health
from morphops.bundle import Bundle
from morphops.errors import PreconditionError
from morphops.target import Container, Running, Service


def paused(services: Mapping[str, Service], running: Running) -> tuple[Container, ...]:
    """The containers that stand still and would be kept."""
    return tuple(c for c in running.containers if c.state == "paused" and _kept(services, c))


def unhealthy(
    bundle: Bundle, services: Mapping[str, Service], running: Running
) -> tuple[Container, ...]:
    """The unhealthy containers that would be kept, and that nothing before them may mend.

    What is started anew in the same wave, or in an earlier one, may be what they wait for.
    """
    found: list[Container] = []
    for wave in bundle.waves:
        names = [name for name in wave.services if name in services]
        present = [container for name in names for container in running.of(name)]
        if any(not running.of(name) for name in names):
            break
        if any(c.state != "running" or not _kept(services, c) for c in present):
            break
        found += [container for container in present if container.health == "unhealthy"]
    return tuple(found)


def refuse(
    services: Mapping[str, Service], running: Running, judged_by: Bundle | None = None
) -> None:
    """Refuse before anything is touched where a container is in the way that nobody would touch.

    Args:
        services: what is to run.
        running: what is there.
        judged_by: the bundle, whose waves say what may mend an unhealthy one; none where to try is
            right all the same, because going back is the other way on.

    Raises:
        PreconditionError: naming each, and what starts it again.
    """
    still = paused(services, running)
    sick = unhealthy(judged_by, services, running) if judged_by else ()
    if not still and not sick:
        return
    first, *more = (f"{health.explain(c)}, and nothing of this changes that" for c in still + sick)
    mend = [f"docker unpause {_ids(still)}"] if still else []
    mend += (
        [f"docker restart {_ids(sick)}   (or wait for its next check; or inv down; inv up)"]
        if sick
        else []
    )
    raise PreconditionError(
        first, detail=tuple(more), state="nothing was changed", hint="; ".join(mend)
    )


def _kept(services: Mapping[str, Service], container: Container) -> bool:
    service = services.get(container.service)
    return service is not None and container.config == service.config


def _ids(containers: tuple[Container, ...]) -> str:
    return " ".join(container.id[:12] for container in containers)
