"""Looks at what probes ask: files, services from inside, published ports."""

from morphops.adapters.probes.context import ProbeContext
from morphops.adapters.probes.table import read

__all__ = ["ProbeContext", "read"]
