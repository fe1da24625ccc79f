"""The heads of histories in memory."""

from __future__ import annotations

from morphops.core.history.heads import Head
from morphops.testing.engine import FakeEngine


class FakeHeads:
    """Implements `Heads` for one fake engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    def read(self, project: str) -> Head | None:
        """See `Heads.read`."""
        with self._engine.call("read head"):
            found = self._engine.heads.get(project, ())
            return max(found, key=lambda head: (head.fence, head.seq), default=None)

    def latest(self, project: str) -> Head | None:
        """See `Heads.latest`."""
        with self._engine.call("read head"):
            return max(self._engine.heads.get(project, ()), key=lambda head: head.seq, default=None)

    def write(self, project: str, head: Head) -> None:
        """See `Heads.write`; as on a real engine, older ones go when an operation ends."""
        with self._engine.call("write head"):
            kept = self._engine.heads.get(project, ()) if head.operation else ()
            self._engine.heads[project] = (*kept, head)

    def remove(self, project: str) -> None:
        """See `Heads.remove`."""
        with self._engine.call("remove heads", done=True):
            self._engine.heads.pop(project, None)
