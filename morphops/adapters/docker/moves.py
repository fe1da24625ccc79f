"""What compose files mount from beside them, as an override that names other places. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from morphops.core.bundle.beside import Place
from morphops.core.compose_override import Whole, literal


def override(
    rendered: Mapping[str, Any], place: Callable[[str], Place | None]
) -> dict[str, dict[str, Any]]:
    """Return an override in which what services are given lies elsewhere, or is left out.

    Args:
        rendered: the whole model (`docker compose config --format json`).
        place: path of the machine → its place; None where it stays as it is.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, spec in (rendered.get("services") or {}).items():
        mounts = list(spec.get("volumes") or ())
        moved = [one for mount in mounts if (one := _moved(mount, place)) is not None]
        if moved != mounts:
            found.setdefault("services", {})[name] = {"volumes": Whole(moved)}
    for kind in ("configs", "secrets"):
        for name, spec in (rendered.get(kind) or {}).items():
            there = place(str(spec["file"])) if (spec or {}).get("file") else None
            if there is not None and there.where:
                found.setdefault(kind, {})[name] = {"file": literal(there.where)}
    return found


def _moved(
    mount: Mapping[str, Any], place: Callable[[str], Place | None]
) -> Mapping[str, Any] | None:
    """A mount with another source; None where nothing is mounted."""
    if mount.get("type") != "bind":
        return mount
    there = place(str(mount.get("source") or ""))
    if there is None:
        return mount
    if not there.where:
        return None
    # A container that could write to the copy would change what is released.
    fixed = {"read_only": True} if there.kind == "carried" else {}
    return {**mount, "source": literal(there.where), **fixed}
