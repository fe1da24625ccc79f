"""`inv env.template`."""

from __future__ import annotations

from pathlib import Path

from morphops.adapters.store import text_file
from morphops.core.env import templates
from morphops.core.results.env import EnvTemplates
from morphops.errors import PreconditionError
from morphops.operations.env.schema import read_schema
from morphops.site import Site

_README = "README.md"

_BEGIN, _END = "<!-- variables: inv env.template -->", "<!-- end of variables -->"


def template(site: Site) -> EnvTemplates:
    """Write the templates and the table of variables from the env schema.

    Returns:
        `written`: the files that were not as the schema has them.

    Raises:
        ConfigError: the schema is wrong.
        PreconditionError: a file cannot be written.
    """
    written = []
    for path, text in generated(site).items():
        if not path.exists() or text_file.read(path, site.shown(path)) != text:
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as err:
                raise PreconditionError(f"cannot write {path}: {err.strerror}") from None
            written.append(str(path))
    return EnvTemplates(state="written" if written else "as before", written=tuple(written))


def generated(site: Site) -> dict[Path, str]:
    """Every file that is made from the env schema, and what must stand in it.

    A README.md beside the bundle that has the marks gets the table of variables between them.
    """
    schema = read_schema(site)
    folder = (site.folder / site.bundle.env.schema).parent
    files = {
        folder / f"{name}.env.example": templates.template(schema, name)
        for name in schema.templates
    }
    readme = site.folder / _README
    if readme.is_file():
        text = text_file.read(readme, site.shown(readme))
        before, begin, rest = text.partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if begin and end:
            files[readme] = f"{before}{_BEGIN}\n\n{templates.table(schema)}\n{_END}{after}"
    return files
