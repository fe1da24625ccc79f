"""What lies inside of containers, compared with what was released. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from morphops.core.stack import Content, Service
from morphops.core.verify.drift import Difference


def readable(service: Service) -> tuple[Content, ...]:
    """The files of a service that lie inside of its containers, as copies."""
    return tuple(content for content in service.contents if content.inside and content.digest)


def others(service: Service, found: Mapping[str, str]) -> tuple[Content, ...]:
    """The configs and secrets that have another content inside of one container.

    Args:
        service: as the release renders it.
        found: place inside → digest of what lies there; empty for nothing.
    """
    return tuple(
        content
        for content in readable(service)
        if found.get(content.inside, content.digest) != content.digest
    )


def compare(service: Service, found: Mapping[str, str]) -> Iterator[Difference]:
    """The same as differences; see `others`."""
    for content in others(service, found):
        what = "is not the release's" if found[content.inside] else "is not there"
        says = f"the content of {content} at {content.inside} {what}"
        yield Difference("altered", service.name, says)


def carried(service: Service, wrong: Mapping[str, str]) -> Iterator[Difference]:
    """The copies of what the release carries that are not its own, of those that a service mounts.

    Args:
        service: as the release renders it.
        wrong: path of a copy → digest of what lies there; empty for nothing.
    """
    for content in service.contents:
        if content.source in wrong:
            what = "has another content than the release's" if wrong[content.source] else "is gone"
            yield Difference("host-file", service.name, f"{content} {what}")
