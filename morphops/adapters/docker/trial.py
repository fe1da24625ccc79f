"""Starts a container that does nothing, to see whether the engine can start one set up like this.

Whether there is a GPU, or whether the place that logs are sent to answers, only a start tells.
Without this, that start would be in the middle of a deploy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from morphops.adapters.docker import lock_image
from morphops.adapters.docker.client import Docker
from morphops.core.release.digest import canonical_json
from morphops.errors import EngineCallFailed

_LABEL = "morphops.trial"
_OLD = 60.0  # seconds; no trial takes that long
# The engine keeps these logs itself, so that their start depends on nothing.
_OWN_LOGS = frozenset({"", "json-file", "local", "journald", "none"})


def of_service(spec: Mapping[str, Any]) -> str:
    """Return what of a service only a start can show, as JSON of HostConfig; empty for nothing.

    Args:
        spec: the service as Compose renders it (compose-spec, `gpus`, `logging`, `deploy`).
    """
    logging = spec.get("logging") or {}
    wanted: dict[str, Any] = {}
    if (driver := str(logging.get("driver") or "")) not in _OWN_LOGS:
        wanted["LogConfig"] = {"Type": driver, "Config": logging.get("options") or {}}
    if devices := list(_devices(spec)):
        wanted["DeviceRequests"] = devices
    return canonical_json(wanted).decode() if wanted else ""


def _devices(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what Compose asks the engine for (Engine API, DeviceRequest)."""
    resources = (spec.get("deploy") or {}).get("resources") or {}
    reserved = (resources.get("reservations") or {}).get("devices") or ()
    asked = [{"capabilities": ["gpu"], **one} for one in spec.get("gpus") or ()]
    for one in (*asked, *reserved):
        ids = list(one.get("device_ids") or ())
        count = one.get("count") or (0 if ids else -1)
        yield {
            "Driver": one.get("driver") or "",
            "Count": -1 if count == "all" else int(count),
            "DeviceIDs": ids,
            "Capabilities": [list(one.get("capabilities") or ())],
            "Options": one.get("options") or {},
        }


def refusal(docker: Docker, trial: str) -> str:
    """Return why the engine does not start a container that is set up like this; empty if it does.

    Args:
        docker: where.
        trial: of `of_service`.

    Raises:
        EngineUnavailable, EngineCallFailed: the engine does not say.
    """
    lock_image.ensure(docker)
    engine = docker.engine
    for left in engine.containers(label=[_LABEL]):  # of one that was killed
        if time.time() - float(left.get("Created") or 0) > _OLD:
            engine.remove_container(str(left["Id"]), force=True)
    body = {
        "Image": lock_image.reference(),
        "Labels": {_LABEL: ""},
        "HostConfig": {**json.loads(trial), "NetworkMode": "none"},
    }
    id_ = ""
    try:
        id_ = engine.create_container(body)
        engine.start_container(id_)
    except EngineCallFailed as err:
        return "; ".join(err.detail) or err.what
    finally:
        if id_:
            engine.remove_container(id_, force=True)
    return ""
