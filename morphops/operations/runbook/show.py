"""`inv runbook.show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from morphops.operations.runbook.check import read, runbook_text, runbooks_folder
from morphops.site import Site


def show(site: Site, name: str) -> dict[str, Any]:
    """A runbook's text, and its steps for machines."""
    book = read(site, name)
    return {
        "name": book.name,
        "digest": book.digest,
        "title": book.title,
        "inputs": {key: asdict(spec) for key, spec in book.inputs.items()},
        "sections": dict(book.sections),
        "steps": [asdict(step) for step in book.steps],
        "text": runbook_text(site, runbooks_folder(site) / f"{name}.md"),
    }
