"""Use case: check the runbooks against the tasks, and read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from morphops.adapters.invoke_tasks import InvokeTasks
from morphops.adapters.store import text_file
from morphops.core.bundle import quickstart
from morphops.core.checks import waivers
from morphops.core.finding import Finding, of_error
from morphops.core.nearest import nearest
from morphops.core.results.check import of_findings
from morphops.core.results.runbook import RunbookCheck
from morphops.core.runbook import parse, rules
from morphops.core.runbook.model import Runbook
from morphops.errors import ConfigError, InputError
from morphops.operations.env import template
from morphops.site import Site


def check(site: Site, name: str = "") -> RunbookCheck:
    """Checks the runbooks against the tasks that exist; exit code 2 with findings.

    Args:
        site: where.
        name: of one runbook; empty for all, and then every task that changes something must stand
            in one of them.

    Raises:
        InputError: there is no runbook of this name.
        ConfigError: there are no runbooks at all, or the one that was named cannot be read.
    """
    books, unread = ((read(site, name),), ()) if name else _all(site)
    found = waivers.left(findings(site, books, unread, whole=not name), site.bundle.accept)
    return RunbookCheck(
        state="findings" if found else "ok",
        exit=InputError.EXIT if found else 0,
        findings=of_findings(found),
        next="fix what is named, then inv runbook.check" if found else "",
        runbooks={book.name: len(book.steps) for book in books},
    )


def findings(
    site: Site, books: Sequence[Runbook], unread: Sequence[Finding] = (), *, whole: bool
) -> tuple[Finding, ...]:
    """Returns every finding in some runbooks.

    Args:
        site: where.
        books: which.
        unread: findings of the runbooks that could not be read.
        whole: they are all runbooks, so every task that changes something must be in them.
    """
    tasks = InvokeTasks.load(site.folder)
    services = [name for wave in site.bundle.waves for name in wave.services]
    targets, broken = _link_targets(site, books)
    found = rules.check(books, tasks, targets, services)
    if whole:
        unread = (*unread, *broken)
    if unread:  # they may have the steps that seem to be missing
        return tuple(sorted((*found, *unread)))
    if whole:
        found += rules.missing(books, tasks, site.shown(runbooks_folder(site)), _idle(site))
    return found


def every_finding(site: Site) -> tuple[Finding, ...] | None:
    """Returns every finding in all runbooks together; None without runbooks."""
    if not _files(site):
        return None
    books, unread = _all(site)
    return findings(site, books, unread, whole=True)


def read(site: Site, name: str) -> Runbook:
    """Returns a runbook by its name, whatever is wrong with others.

    Raises:
        InputError: no runbook has this name.
        ConfigError: there are no runbooks, or it cannot be read.
    """
    files = _files(site)
    if not files:
        raise _none(site)
    if name not in files:
        raise InputError(
            f"no runbook {name!r} (there are: {', '.join(files)})",
            state="nothing was done",
            hint=f"inv runbook.show {nearest(name, files) or 'NAME'}",
        )
    return _parsed(site, files[name])


def _all(site: Site) -> tuple[tuple[Runbook, ...], tuple[Finding, ...]]:
    """All runbooks that can be read, and a finding for each other one.

    Raises:
        ConfigError: there are no runbooks.
    """
    books: list[Runbook] = []
    unread: list[Finding] = []
    for path in _files(site).values():
        try:
            books.append(_parsed(site, path))
        except ConfigError as err:
            unread += of_error(err, "fix or remove it: each *.md here is a runbook")
    if not books and not unread:
        raise _none(site)
    return tuple(books), tuple(unread)


def _none(site: Site) -> ConfigError:
    return ConfigError(f"there are no runbooks in {runbooks_folder(site)}")


def _parsed(site: Site, path: Path) -> Runbook:
    return parse.parse(runbook_text(site, path), path.stem, _shown(site, path))


def runbook_text(site: Site, path: Path) -> str:
    """Returns the text of a runbook.

    Raises:
        ConfigError: it cannot be read.
    """
    if path.is_symlink() and not path.exists():
        raise ConfigError(f"{_shown(site, path)}: is a link to a file that does not exist")
    return text_file.read(path, _shown(site, path))


def _shown(site: Site, path: Path) -> str:
    # The name of a link, not of its target, which may be outside or missing.
    return str(Path(site.shown(path.parent)) / path.name)


def _files(site: Site) -> dict[str, Path]:
    """The paths of the runbooks, by name, whether they can be read or not."""
    paths = sorted(runbooks_folder(site).glob("*.md"))
    return {path.stem: path for path in paths if path.name != "README.md"}


def _idle(site: Site) -> frozenset[str]:
    try:
        generated = bool(template.generated(site))
    except ConfigError:  # bundle.check says what is wrong with the env schema
        generated = True
    there = (site.folder / quickstart.FILE).is_file()
    return rules.idle(site.bundle, quickstart=there, generated=generated)


def runbooks_folder(site: Site) -> Path:
    return (site.folder / site.bundle.runbooks).resolve()


def _link_targets(
    site: Site, books: Sequence[Runbook]
) -> tuple[dict[str, frozenset[str] | None], list[Finding]]:
    """The files that exist of those that the runbooks link to, each with its anchors.

    A file that cannot be read has None in place of anchors: the link is right, the file is not.
    Its finding is made here unless it is a runbook, which has one already.
    """
    folder, own = runbooks_folder(site), {path.resolve() for path in _files(site).values()}
    targets: dict[str, frozenset[str] | None] = {}
    broken: list[Finding] = []
    for name in rules.linked(books):
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.parent) or not path.exists():
            continue
        targets[name] = frozenset()
        if path.suffix == ".md":
            try:
                targets[name] = _anchors(site, path)
            except ConfigError as err:
                targets[name] = None
                if path not in own:
                    broken += of_error(err, "fix it: a runbook links to it")
    return targets, broken


def _anchors(site: Site, path: Path) -> frozenset[str]:
    return parse.parse(text_file.read(path, site.shown(path)), path.stem, "").anchors
