"""The env schema of the working tree."""

from __future__ import annotations

from morphops.adapters.store import text_file
from morphops.core.env import parse
from morphops.core.env.schema import EnvSchema
from morphops.errors import InputError
from morphops.site import Site

DERIVED = "the derived env schema"


def read_schema(site: Site) -> EnvSchema:
    """The working tree's env schema.

    Raises:
        ConfigError: it is not there, or wrong.
    """
    text, name = schema_text(site)
    return parse.parse_env_schema(text, name)


def schema_text(site: Site) -> tuple[str, str]:
    """The text of the working tree's env schema, and how messages name it.

    Raises:
        ConfigError: it is a file, and that is not there.
    """
    name = site.bundle.env.schema
    if name in site.texts:
        return site.texts[name], DERIVED
    path = site.folder / name
    return text_file.read(path, site.shown(path)), site.shown(path)


def need_template(schema: EnvSchema, name: str) -> None:
    """Refuse a template that the env schema does not have.

    Raises:
        InputError: it has none of this name.
    """
    if name not in schema.templates:
        known = ", ".join(schema.templates) or "none"
        raise InputError(
            f"no template {name!r} in the env schema (there are: {known})",
            state="nothing was changed",
            hint="name one of them" if schema.templates else "leave --template out",
        )
