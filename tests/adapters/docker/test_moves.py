"""What Compose rendered, as an override that names other places."""

from __future__ import annotations

from typing import Any

from morphops.adapters.docker.moves import override
from morphops.core.bundle.beside import Place
from morphops.core.compose_override import Whole

PLACES = {
    "/files/a.conf": Place("carried", "a.conf", "/copies/$1/a.conf"),
    "/files/data": Place("data", "data", "/srv/data"),
    "/files": Place("left out", "."),
    "/files/s.txt": Place("data", "s.txt", "/srv/s.txt"),
}


def bind(source: str, target: str, **more: Any) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target, **more}


def test_mounts_configs_and_secrets_lie_elsewhere() -> None:
    rows = {"type": "volume", "source": "rows", "target": "/rows"}
    shared = {"propagation": "rshared"}
    rendered = {
        "services": {
            "web": {
                "volumes": [
                    bind("/files/a.conf", "/a", bind=shared),
                    bind("/files/data", "/d", read_only=True),
                    bind("/files", "/app"),
                    rows,
                    bind("/etc/hosts", "/h"),
                ]
            },
            "other": {"volumes": [rows]},
            "none": {"image": "x"},
        },
        "configs": {"c": {"file": "/files/a.conf"}, "t": {"content": "x"}},
        "secrets": {"s": {"file": "/files/s.txt"}, "h": {"file": "/etc/x"}},
    }
    assert override(rendered, PLACES.get) == {
        "services": {
            "web": {
                "volumes": [
                    bind("/copies/$$1/a.conf", "/a", bind=shared, read_only=True),
                    bind("/srv/data", "/d", read_only=True),
                    rows,
                    bind("/etc/hosts", "/h"),
                ]
            }
        },
        "configs": {"c": {"file": "/copies/$$1/a.conf"}},
        "secrets": {"s": {"file": "/srv/s.txt"}},
    }
    assert isinstance(override(rendered, PLACES.get)["services"]["web"]["volumes"], Whole)


def test_where_nothing_moves_there_is_nothing_to_say() -> None:
    rendered = {"services": {"web": {"volumes": [bind("/etc/hosts", "/h")]}, "x": {}}}
    assert override(rendered, PLACES.get) == {}
