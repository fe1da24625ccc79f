"""Configs and secrets that Compose copies into a container, and does not mount. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any


def written_into(spec: Mapping[str, Any], rendered: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is written into a service's container: `config x`, `secret y`.

    Their content stands in the file or in a variable (compose-spec, `content`, `environment`), so
    there is no file to mount. A container with a read-only root takes them only below a mount that
    can be written.

    Args:
        spec: the service as Compose renders it.
        rendered: the whole model.
    """
    mounts = [
        normpath(str(mount["target"]))
        for mount in spec.get("volumes") or ()
        if mount.get("type") in ("bind", "volume") and not mount.get("read_only")
    ]
    for kind, folder in (("configs", ""), ("secrets", "/run/secrets")):
        for given in spec.get(kind) or ():
            declared = (rendered.get(kind) or {}).get(given.get("source")) or {}
            target = str(given.get("target") or given.get("source"))
            path = target if target.startswith("/") else f"{folder}/{target}"
            below = any(normpath(path).startswith(f"{mount}/") for mount in mounts)
            if not below and ("content" in declared or "environment" in declared):
                yield f"{kind.removesuffix('s')} {given.get('source')}"
