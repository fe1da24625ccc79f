"""Reads the bundle of the working tree, and completes it where it is short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from morphops.adapters.store import surroundings, text_file
from morphops.core.bundle import parse
from morphops.core.bundle.derive.complete import Completed, complete, compose_files, is_short
from morphops.core.bundle.schema import Bundle
from morphops.core.schema import read_mapping

OPS = "ops"  # the folder in which a project may keep its bundle


@dataclass(frozen=True, slots=True)
class WorkingBundle:
    """The bundle of the working tree.

    Attributes:
        bundle: complete.
        completed: how it was completed; None where the person wrote all of it.
        texts: the files of a release that are derived, by name: the complete bundle, and the env
            schema if it is no file.
    """

    bundle: Bundle
    completed: Completed | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


def read(path: Path) -> WorkingBundle:
    """Read a bundle file, and what lies beside it where the file leaves something out.

    Args:
        path: of the file.

    Raises:
        ConfigError: it is no YAML, or it or a compose file does not fit.
    """
    return of_text(text_file.read(path), path)


def of_text(text: str, path: Path) -> WorkingBundle:
    """The bundle that a text would be at a path; see `read`."""
    document, raw = read_mapping(text, str(path))
    if not is_short(raw):
        return WorkingBundle(parse.parse_bundle(text, str(path)))
    in_ops = path.parent.name == OPS
    around = surroundings.read(
        path.parent,
        compose_files(raw),
        shown=f"{OPS}/" if in_ops else "",
        runbooks="../runbooks" if in_ops else "runbooks",
    )
    completed = complete(raw, around, document)
    texts = {path.name: parse.written(completed.raw)}
    bundle = parse.read_bundle(completed.raw, document)
    if completed.schema is not None:
        texts[bundle.env.schema] = parse.written(completed.schema)
    return WorkingBundle(bundle, completed, texts)
