"""What lies inside of containers, compared with what was released. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from morphops.core.stack import Content, Running, Service
from morphops.core.verify.drift import Difference


def readable(service: Service) -> tuple[Content, ...]:
    """The files of a service that lie inside of its containers, as copies."""
    return tuple(content for content in service.contents if content.inside and content.digest)


def compare(
    services: Mapping[str, Service],
    running: Running,
    found: Mapping[tuple[str, str], str],
) -> Iterator[Difference]:
    """Every config and secret that has another content inside than the release says.

    Args:
        services: as the release renders.
        running: what is there.
        found: (container, place inside) → digest of what lies there; empty for nothing.
    """
    for name, service in services.items():
        for container in running.of(name):
            for content in readable(service):
                digest = found.get((container.id, content.inside), content.digest)
                if digest != content.digest:
                    what = "is not there" if not digest else "is not the release's"
                    says = f"the content of {content} at {content.inside} {what}"
                    yield Difference("config", name, says)
