"""What containers use, from what `docker stats` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from morphops.adapters.docker.client import Docker
from morphops.core.stack import Usage
from morphops.errors import EngineCallFailed

_LIMIT = 60.0
# As the docker CLI writes bytes (docker/go-units).
_UNITS = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_AMOUNT = re.compile(r"([\d.]+)\s*([A-Za-z]+)")


def look(docker: Docker, ids: Sequence[str]) -> Mapping[str, Usage]:
    """Return what containers use, by id; the engine measures for about two seconds.

    Raises:
        EngineUnavailable, EngineCallFailed: it does not say.
    """
    if not ids:
        return {}
    words = ["stats", "--no-stream", "--no-trunc", "--format", "{{json .}}", *ids]
    doing = "read what the containers use"
    text = docker.run(words, doing, _LIMIT)
    try:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        return {row["ID"]: read(row) for row in rows}
    except (ValueError, KeyError, TypeError):
        raise EngineCallFailed(f"could not {doing}: the answer is not understood") from None


def read(row: Mapping[str, str]) -> Usage:
    """Return one row of `docker stats` as numbers; what it does not know is 0.

    Raises:
        KeyError: something is missing.
    """
    used, _, limit = row["MemUsage"].partition("/")
    cpu, processes = row["CPUPerc"].rstrip("%"), row["PIDs"]
    return Usage(
        cpu=float(cpu) if re.fullmatch(r"[\d.]+", cpu) else 0.0,
        memory=_bytes(used),
        memory_limit=_bytes(limit),
        processes=int(processes) if processes.isdigit() else 0,
    )


def _bytes(text: str) -> int:
    found = _AMOUNT.search(text)
    return round(float(found[1]) * _UNITS[found[2]]) if found else 0
