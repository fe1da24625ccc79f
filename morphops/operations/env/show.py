"""`inv env.show`."""

from __future__ import annotations

from typing import Any

from morphops.core.env import dotenv
from morphops.operations.env.schema import read_schema
from morphops.site import Site


def show(site: Site, env_file: str = "") -> dict[str, Any]:
    """Where the value of each variable comes from, and a keyed fingerprint of it; never a value.

    The key is the state folder's own, so that fingerprints can be compared on one machine only.
    """
    schema = read_schema(site)
    env = site.read_env(env_file)
    key = site.state.key()
    rows = []
    for name, spec in schema.variables.items():
        set_ = bool(env.values.get(name))
        source = env.at(name) if set_ else "default" if spec.default else "not set"
        value = env.values[name] if set_ else spec.default
        rows.append(
            {
                "name": name,
                "source": source,
                "secret": spec.secret,
                "fingerprint": dotenv.fingerprint({"": value}, key) if value else "",
            }
        )
    unknown = sorted(env.values.keys() - schema.variables.keys())
    rows += [_decided(name, f"{env.at(name)}, and no variable of this stack") for name in unknown]
    rows += [
        _decided(image.variable, f"the release's image {name}")
        for name, image in site.bundle.images.items()
    ]
    for name, document in site.bundle.documents.items():
        rows += [_decided(variable, f"document {name}") for variable in document.provides]
    return {"env_file": env.source, "encrypted": env.encrypted, "variables": rows}


def _decided(name: str, source: str) -> dict[str, Any]:
    return {"name": name, "source": source, "secret": False, "fingerprint": ""}
