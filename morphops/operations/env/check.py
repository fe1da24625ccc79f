"""`inv env.check`."""

from __future__ import annotations

from morphops.core.bundle import documents
from morphops.core.env import rules
from morphops.core.env.dotenv import EnvFile
from morphops.core.finding import Finding
from morphops.core.results.check import of_findings
from morphops.core.results.env import EnvCheck
from morphops.errors import InputError
from morphops.operations.env.schema import need_template, read_schema
from morphops.site import Site


def check(site: Site, env_file: str = "", *, name: str = "") -> EnvCheck:
    """Check an env file as `deploy` would; exit code 2 with findings.

    Args:
        site: where.
        env_file: path; empty for the default.
        name: of a template, for a file that holds that part only; empty for the whole.

    Raises:
        InputError: the file is not there, or cannot be read as an env file.
    """
    env, found = examine(site, env_file, name=name)
    return EnvCheck(
        state="findings" if found else "ok",
        exit=InputError.EXIT if found else 0,
        findings=of_findings(found),
        next="inv env.edit, then inv env.check" if found else "",
        env_file=env.source,
        encrypted=env.encrypted,
        variables=len(env.values),
    )


def examine(
    site: Site, env_file: str = "", *, name: str = ""
) -> tuple[EnvFile, tuple[Finding, ...]]:
    """Return an env file, and what is wrong with it.

    Args:
        site: where.
        env_file: path; empty for the default.
        name: of a template, for a file that holds that part only; empty for the whole.

    Raises:
        InputError: the file is not there, or cannot be read as an env file.
    """
    schema = read_schema(site)
    if name:
        need_template(schema, name)
        schema = schema.only(name)
    env = site.read_env(env_file)
    site.redact.learn(schema.secrets(env.values))
    found = rules.findings(
        env,
        schema,
        images=dict.fromkeys(site.bundle.image_variables, ""),
        provided=documents.variable_names(site.bundle),
        exported=site.exported,
    )
    return env, found
