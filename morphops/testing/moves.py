"""What a model mounts from beside its files, as an override that names other places. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morphops.core.bundle.beside import Place
from morphops.core.compose_override import Whole, literal
from morphops.core.stack import Stack
from morphops.testing.services import mount_of


def override(
    model: Mapping[str, Any], stack: Stack, place: Callable[[str], Place | None]
) -> dict[str, dict[str, Any]]:
    """The override; see `Workloads.moved`."""
    folder = stack.files[0].parent
    found: dict[str, dict[str, Any]] = {}
    for name, spec in (model.get("services") or {}).items():
        mounts: list[Any] = []
        for mount in spec.get("volumes") or ():
            inside, outside, writable = mount_of(mount, {}, folder)
            there = place(outside) if outside.startswith("/") else None
            if there is None:
                mounts.append(mount)
            elif there.where:
                fixed = there.kind == "carried" or not writable
                source = literal(there.where)
                long = {"type": "bind", "source": source, "target": inside}
                mounts.append({**long, "read_only": True} if fixed else long)
        if mounts != list(spec.get("volumes") or ()):
            found.setdefault("services", {})[name] = {"volumes": Whole(mounts)}
    for kind in ("configs", "secrets"):
        for name, spec in (model.get(kind) or {}).items():
            there = place(str(folder / spec["file"])) if (spec or {}).get("file") else None
            if there is not None and there.where:
                found.setdefault(kind, {})[name] = {"file": literal(there.where)}
    return found
