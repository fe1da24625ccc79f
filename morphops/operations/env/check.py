"""`inv env.check`."""

from __future__ import annotations

from typing import Any

from morphops.core.bundle import documents
from morphops.core.env import rules
from morphops.operations.env.schema import need_template, read_schema
from morphops.site import Site


def check(site: Site, env_file: str = "", *, name: str = "") -> dict[str, Any]:
    """Check an env file as `deploy` would.

    Args:
        site: where.
        env_file: path; empty for the default.
        name: of a template, for a file that holds that part only; empty for the whole.

    Raises:
        InputError: with every finding.
    """
    schema = read_schema(site)
    if name:
        need_template(schema, name)
        schema = schema.only(name)
    env = site.read_env(env_file)
    site.redact.learn(schema.secrets(env.values))
    rules.check(
        env,
        schema,
        images={spec.variable: "" for spec in site.bundle.images.values()},
        provided=documents.variable_names(site.bundle),
        exported=site.exported,
    )
    return {
        "state": "ok",
        "env_file": env.source,
        "encrypted": env.encrypted,
        "variables": len(env.values),
    }
