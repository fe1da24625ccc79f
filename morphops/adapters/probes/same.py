"""Reads for the probe `same`: the documents were read already."""

from __future__ import annotations

from morphops.adapters.probes.context import ProbeContext
from morphops.core.probes.same import Same
from morphops.core.verify.reading import Reading


def read_same(probe: Same, context: ProbeContext) -> Reading:
    """Compare the documents with each other."""
    return probe.judge({name: document.data for name, document in context.documents.items()})
