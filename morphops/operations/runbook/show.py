"""`inv runbook.show`."""

from __future__ import annotations

from morphops.core.results.runbook import RunbookText
from morphops.operations.runbook.check import read, runbook_text, runbooks_folder
from morphops.site import Site


def show(site: Site, name: str) -> RunbookText:
    """Return a runbook's text, and its steps for machines."""
    book = read(site, name)
    return RunbookText(
        name=book.name,
        digest=book.digest,
        title=book.title,
        inputs=dict(book.inputs),
        sections=dict(book.sections),
        steps=book.steps,
        text=runbook_text(site, runbooks_folder(site) / f"{name}.md"),
    )
