"""The head of the history on a Docker engine: the labels of a volume.

Labels of a volume are set when it is made and never change, so each head is a volume of its own;
the one before is removed afterwards. Nothing is stored in them, no container is needed to read
them, and any docker client shows them: `docker volume inspect`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from morphops.adapters.docker.client import Docker
from morphops.core.history.heads import Head

_LABEL = "morphops.head"
_FIELDS = ("seq", "hash", "release", "operation", "step", "fence")
_LIMIT = 20


class EngineHeads:
    """Implements `head.Heads` for one Docker engine."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker
        self._there: dict[str, list[str]] = {}  # project → the volumes that were seen or made

    def read(self, project: str) -> Head | None:
        """See `head.Heads.read`."""
        return max(self._all(project), key=_order, default=None)

    def latest(self, project: str) -> Head | None:
        """See `head.Heads.latest`."""
        return max(self._all(project), key=lambda head: head.seq, default=None)

    def _all(self, project: str) -> Collection[Head]:
        columns = "\t".join(f'{{{{.Label "{_LABEL}.{field}"}}}}' for field in _FIELDS)
        said = self._volume(
            "ls",
            *("--filter", f"label={_LABEL}={project}"),
            *("--format", f"{{{{.Name}}}}\t{columns}"),
        )
        found = dict(map(_head, filter(None, said.splitlines())))
        self._there[project] = list(found)
        return found.values()

    def write(self, project: str, head: Head) -> None:
        """See `head.Heads.write`.

        Older ones are removed only at the end of an operation: the newest counts anyway, and each
        step costs one call less.
        """
        if project not in self._there:
            self.read(project)
        labels = {f"{_LABEL}.{field}": str(getattr(head, field)) for field in _FIELDS}
        pairs = [f"--label={name}={value}" for name, value in {_LABEL: project, **labels}.items()]
        name = f"morphops-head-{project}-{head.fence}-{head.seq:06d}-{head.hash[:12]}"
        self._volume("create", *pairs, name)
        if not head.operation and self._there[project]:
            self._volume("rm", "--force", *self._there[project])
            self._there[project] = []
        self._there[project].append(name)

    def _volume(self, *words: str) -> str:
        # Not by python-on-whales' methods, which inspect each volume that they make or list.
        from python_on_whales.utils import run

        command: list[Any] = [*self._docker.client(_LIMIT).client_config.docker_cmd, "volume"]
        with self._docker.call("keep the head of the history", _LIMIT):
            return str(run([*command, *words]))


def _head(line: str) -> tuple[str, Head]:
    name, seq, hash_, release, operation, step, fence = line.split("\t")
    return name, Head(
        seq=_int(seq),
        hash=hash_,
        release=release,
        operation=_int(operation),
        step=step,
        fence=_int(fence),
    )


def _int(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _order(head: Head) -> tuple[int, int]:
    """Of several that a crash left, the one that was written last."""
    return head.fence, head.seq
