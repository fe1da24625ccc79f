"""Use cases around what the runbooks say: check them, show one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from morphops import quickstart_recipe, runbook_reader, textfile
from morphops import runbook_rules as rules
from morphops.app import environment
from morphops.app.site import Site
from morphops.artifacts import acceptance
from morphops.artifacts.finding import Finding
from morphops.catalogue import Catalogue
from morphops.errors import ConfigError, InputError
from morphops.runbook import Runbook


def check(site: Site, name: str = "") -> dict[str, Any]:
    """Check the runbooks against the tasks that there are.

    Args:
        site: where.
        name: of one runbook; empty for all, and then every task that changes something must stand
            in one of them.

    Raises:
        InputError: with every finding, as `file:line: what; remedy`.
    """
    books = [read(site, name)] if name else list(_all(site).values())
    found = acceptance.left(findings(site, books, whole=not name), site.bundle.accept)
    if found:
        raise InputError(
            f"the runbooks have {len(found)} findings" if len(found) > 1 else str(found[0]),
            detail=tuple(map(str, found)) if len(found) > 1 else (),
            hint="mend what is named, then inv runbook.check",
        )
    return {"state": "ok", "runbooks": {book.name: len(book.steps) for book in books}}


def findings(site: Site, books: Sequence[Runbook], *, whole: bool) -> tuple[Finding, ...]:
    """Every finding in some runbooks.

    Args:
        site: where.
        books: which.
        whole: they are all there are, so every task that changes something must stand in them.
    """
    tasks = Catalogue.load(site.folder)
    services = [name for wave in site.bundle.waves for name in wave.services]
    found = rules.check(books, tasks, _link_targets(_folder(site), books), services)
    if whole:
        found += rules.missing(books, tasks, site.shown(_folder(site)), _idle(site))
    return found


def every_finding(site: Site) -> tuple[Finding, ...] | None:
    """Every finding in all runbooks together; None where there are no runbooks.

    Raises:
        ConfigError: one cannot be read.
    """
    books = _books(site)
    return findings(site, list(books.values()), whole=True) if books else None


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
        "text": textfile.read(_folder(site) / f"{name}.md"),
    }


def read(site: Site, name: str) -> Runbook:
    """A runbook by its name.

    Raises:
        InputError: there is none of this name.
        ConfigError: there are none at all, or one cannot be read.
    """
    books = _all(site)
    if name not in books:
        raise InputError(f"no runbook {name!r} (there are: {', '.join(books)})")
    return books[name]


def _all(site: Site) -> dict[str, Runbook]:
    books = _books(site)
    if not books:
        raise ConfigError(f"there are no runbooks in {_folder(site)}")
    return books


def _books(site: Site) -> dict[str, Runbook]:
    folder = _folder(site)
    books = {}
    for path in sorted(folder.glob("*.md")):
        if path.name == "README.md":
            continue
        shown = site.shown(path)
        books[path.stem] = runbook_reader.parse(textfile.read(path, shown), path.stem, shown)
    return books


def _idle(site: Site) -> frozenset[str]:
    try:
        generated = bool(environment.generated(site))
    except ConfigError:  # of an env schema that is wrong bundle.check says so
        generated = True
    there = (site.folder / quickstart_recipe.FILE).is_file()
    return rules.idle(site.bundle, quickstart=there, generated=generated)


def _folder(site: Site) -> Path:
    return (site.folder / site.bundle.runbooks).resolve()


def _link_targets(folder: Path, books: Sequence[Runbook]) -> dict[str, frozenset[str]]:
    """Of what the runbooks link to, the files that are there, each with its anchors."""
    targets = {}
    for name in rules.linked(books):
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.parent) or not path.exists():
            continue
        anchors = frozenset[str]()
        if path.suffix == ".md" and path.is_file():
            anchors = runbook_reader.parse(textfile.read(path), path.stem, name).anchors
        targets[name] = anchors
    return targets
