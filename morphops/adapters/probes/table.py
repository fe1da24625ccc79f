"""Which reader looks for which kind of probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morphops.adapters.probes.agree import read_agree
from morphops.adapters.probes.answers import read_answers
from morphops.adapters.probes.checksum import read_checksum
from morphops.adapters.probes.context import ProbeContext
from morphops.adapters.probes.exec import read_exec
from morphops.adapters.probes.http import read_http
from morphops.adapters.probes.inside import read_inside
from morphops.adapters.probes.same import read_same
from morphops.core.probes.specs import Probe
from morphops.core.verify.reading import Reading

# By the word at `kind:`. `Any`: each takes its own kind, which a mapping's type cannot say; a test
# holds each reader's first parameter against `specs.PROBES`.
READERS: Mapping[str, Callable[[Any, ProbeContext], Reading]] = {
    "checksum": read_checksum,
    "same": read_same,
    "agree": read_agree,
    "answers": read_answers,
    "http": read_http,
    "exec": read_exec,
    "inside": read_inside,
}


def read(probe: Probe, context: ProbeContext) -> Reading:
    """Look once.

    Raises:
        EngineUnavailable, EngineCallFailed: what runs cannot be observed.
    """
    return READERS[probe.kind](probe, context)
