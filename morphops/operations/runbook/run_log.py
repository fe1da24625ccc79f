"""What a run of a runbook shows and keeps: notes for people, entries of the transcript."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from morphops.adapters.store.hash_chain import HashChain
from morphops.core.history import operations
from morphops.core.runbook import prose, transcript
from morphops.core.runbook.model import Runbook
from morphops.operations.runbook import record
from morphops.site import Site


class RunLog:
    """The log of one run; secrets are redacted in what it shows and keeps.

    Args:
        site: where.
        book: the runbook.
        chain: the transcript.
    """

    def __init__(self, site: Site, book: Runbook, chain: HashChain) -> None:
        self._site, self._book, self.chain = site, book, chain

    def append(self, entry: str, **fields: Any) -> None:
        """Appends an entry to the transcript.

        Args:
            entry: its kind.
            fields: the rest of it.
        """
        self.chain.append({"entry": entry, "at": now(), **fields})

    def note(self, line: str) -> None:
        """Shows a line."""
        self._site.observer.note(self._site.redact(line))

    def show(self, markdown: str) -> None:
        """Shows what the runbook says beside its commands."""
        for line in self.prose(markdown):
            self._site.observer.note(line)

    def prose(self, markdown: str) -> list[str]:
        """Returns what the runbook says as lines of text."""
        return list(self._site.redact.lines(prose.plain(markdown)))

    def release(self) -> str:
        """Returns the release of record."""
        return operations.release_of_record(self._site.history.past())

    def write_report(self) -> Path:
        """Writes the report of the run, and returns its path."""
        entries = self.chain.entries()
        path = self.chain.path.with_name(record.REPORT)
        text = transcript.report(entries, self._book.title, entries[-1]["hash"])
        self._site.state.write(path, text.encode())
        return path


def now() -> str:
    """Returns the time, in seconds and UTC (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="seconds")
