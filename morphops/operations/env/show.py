"""`inv env.show`."""

from __future__ import annotations

from morphops.core.env import dotenv
from morphops.core.results.env import EnvSources, VariableSource
from morphops.operations.env.schema import read_schema
from morphops.site import Site


def show(site: Site, env_file: str = "") -> EnvSources:
    """Say where the value of each variable comes from, with a keyed fingerprint and no value.

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
            VariableSource(
                name=name,
                source=source,
                secret=spec.secret,
                fingerprint=dotenv.fingerprint({"": value}, key) if value else "",
            )
        )
    unknown = sorted(env.values.keys() - schema.variables.keys())
    rows += [
        VariableSource(name=name, source=f"{env.at(name)}, and not a variable of this stack")
        for name in unknown
    ]
    rows += [
        VariableSource(name=variable, source=f"the release's image {name}")
        for variable, name in site.bundle.image_variables.items()
    ]
    for name, document in site.bundle.documents.items():
        rows += [
            VariableSource(name=variable, source=f"document {name}")
            for variable in document.provides
        ]
    return EnvSources(env_file=env.source, encrypted=env.encrypted, variables=tuple(rows))
