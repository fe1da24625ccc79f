"""Reads the files that a bundle names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from morphops.adapters.store import text_file
from morphops.adapters.store.files import write_whole
from morphops.core.bundle import generated
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


def compose_files(site: Site, names: Iterable[str], folder: Path) -> list[Path]:
    """Returns compose files of the working tree, as a release would have Compose read them.

    Env files that are not carried are left out of them, wherever they are.

    Args:
        site: where.
        names: of the files.
        folder: where overrides are written; empty, and gone afterwards.
    """
    texts = {name: yaml_file(site, site.folder / name) for name in site.bundle.files()}
    overrides = generated.overrides(site.bundle, texts, (), {})
    wanted = list(names)
    more = [name for name in map(generated.override_of, wanted) if name in overrides]
    for name in more:
        write_whole(folder / name, overrides[name])
    return [*(site.folder / name for name in wanted), *(folder / name for name in more)]
