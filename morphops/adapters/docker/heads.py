"""The head of the history on a Docker engine: the labels of a volume.

Labels of a volume are set when it is made and never change. So each head is a volume of its own,
and the one before is removed afterwards. Nothing is stored in them, and no container is needed to
read them. Any docker client shows them: `docker volume inspect`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from morphops.adapters.docker.client import Docker
from morphops.core.history.heads import Head

_LABEL = "morphops.head"
_FIELDS = ("seq", "hash", "release", "operation", "step", "fence")


class EngineHeads:
    """Implements `Heads` for one Docker engine."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker
        self._there: dict[str, list[str]] = {}  # project → the volumes that were seen or made

    def read(self, project: str) -> Head | None:
        """See `Heads.read`."""
        return max(self._all(project), key=_order, default=None)

    def latest(self, project: str) -> Head | None:
        """See `Heads.latest`."""
        return max(self._all(project), key=lambda head: head.seq, default=None)

    def _all(self, project: str) -> Collection[Head]:
        found = self._docker.engine.volumes(label=[f"{_LABEL}={project}"])
        self._there[project] = [volume["Name"] for volume in found]
        return [_head(volume.get("Labels") or {}) for volume in found]

    def write(self, project: str, head: Head) -> None:
        """See `Heads.write`.

        Older ones are removed only at the end of an operation: the newest counts anyway, and each
        step costs one call less.
        """
        if project not in self._there:
            self.read(project)
        labels = {f"{_LABEL}.{field}": str(getattr(head, field)) for field in _FIELDS}
        name = f"morphops-head-{project}-{head.fence}-{head.seq:06d}-{head.hash[:12]}"
        engine = self._docker.engine
        engine.create_volume(name, {_LABEL: project, **labels})
        if not head.operation:
            engine.remove_volumes(self._there[project])
            self._there[project] = []
        self._there[project].append(name)


def _head(labels: Mapping[str, str]) -> Head:
    told = {field: labels.get(f"{_LABEL}.{field}", "") for field in _FIELDS}
    return Head(
        seq=_int(told["seq"]),
        hash=told["hash"],
        release=told["release"],
        operation=_int(told["operation"]),
        step=told["step"],
        fence=_int(told["fence"]),
    )


def _int(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _order(head: Head) -> tuple[int, int]:
    """Of several that a crash left, the one that was written last."""
    return head.fence, head.seq
