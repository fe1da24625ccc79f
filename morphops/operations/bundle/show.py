"""`inv bundle.show`."""

from __future__ import annotations

from morphops.adapters.store import text_file
from morphops.core.results.bundle import BundleView
from morphops.core.schema import read_mapping
from morphops.operations.env.schema import schema_text
from morphops.site import BUNDLE, Site


def show(site: Site) -> BundleView:
    """Return the complete bundle and env schema, and where each part comes from.

    Raises:
        ConfigError: the env schema is not there, or wrong.
    """
    path = site.folder / BUNDLE
    text, name = schema_text(site)
    _, schema = read_mapping(text, name)
    completed = site.completed
    if completed is None:
        document, raw = read_mapping(text_file.read(path), site.shown(path))
        origins = {key: f"{site.shown(path)}:{document.line(key)}" for key in raw}
    else:
        raw, origins = dict(completed.raw), dict(completed.origins)
    return BundleView(
        state="written" if completed is None else "derived",
        file=site.shown(path),
        bundle=raw,
        variables=schema.get("variables") or {},
        origins=origins,
    )
