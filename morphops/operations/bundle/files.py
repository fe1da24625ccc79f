"""Reads the files that a bundle names."""

from __future__ import annotations

from pathlib import Path

from morphops.adapters.store import text_file
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from morphops.site import Site


def yaml_file(site: Site, path: Path) -> YamlText:
    """Returns a YAML file with its lines.

    Raises:
        ConfigError: it does not exist, or cannot be read as YAML.
    """
    if not path.exists():
        raise ConfigError(
            f"{site.shown(path)}: is not there, and the bundle names it; write it, or fix its path"
        )
    return YamlText(site.shown(path), text_file.read(path, site.shown(path)))
