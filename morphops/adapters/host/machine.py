"""The machine that a command runs on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from morphops.core.host.requirements import HostFacts, Needs
from morphops.interfaces import Say

if TYPE_CHECKING:
    from morphops.adapters.docker.client import Docker


class Machine:
    """Implements `Host`."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def observe(self, needs: Needs) -> HostFacts:
        """See `Host.observe`."""
        from morphops.adapters.host import inspect

        return inspect.observe(self._docker, needs)

    def set_up(self, say: Say) -> Sequence[str]:
        """See `Host.set_up`."""
        from morphops.adapters.host import engine_setup

        return engine_setup.setup(self._docker, say)
