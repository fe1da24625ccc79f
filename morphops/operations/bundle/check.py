"""Use case: check every artifact of the bundle, and return all findings at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from morphops.adapters.store import text_file
from morphops.core.bundle import quickstart
from morphops.core.checks import quickstart_rules, waivers
from morphops.core.finding import Finding, of_error
from morphops.core.results.bundle import BundleCheck
from morphops.core.results.check import of_findings
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError, InputError
from morphops.operations import quickstart as operations_quickstart
from morphops.operations.bundle import build_findings, stack_findings
from morphops.operations.bundle.files import yaml_file
from morphops.operations.env import template
from morphops.operations.env.schema import read_schema
from morphops.operations.runbook.check import every_finding
from morphops.site import BUNDLE, Site

_AGAIN = "inv bundle.check"


def check(site: Site) -> BundleCheck:
    """Check compose files, Dockerfiles, env schema and templates, the bundle and the runbooks.

    Needs the docker client with Compose and Buildx, and no engine. Exit code 2 with findings.

    Raises:
        EngineUnavailable: there is no docker client, or it has no Compose.
    """
    site.compose_files.check_available()
    found = findings(site)
    return BundleCheck(
        state="findings" if found else "ok",
        exit=InputError.EXIT if found else 0,
        findings=of_findings(found),
        next=_AGAIN if found else "",
    )


def findings(site: Site) -> list[Finding]:
    """Returns every finding, in the order of files and lines."""
    text = yaml_file(site, site.folder / BUNDLE)
    parts: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: stack_findings.findings(site, text),
        lambda: build_findings.findings(site, text),
        lambda: _generated(site),
        lambda: _quickstart(site),
        lambda: _runbooks(site, text),
        lambda: _hooks(site, text),
        lambda: _carried(site, text),
    )
    found = [finding for part in parts for finding in _collected(part)]
    return sorted(waivers.grouped(waivers.apply(found, site.bundle.accept, text)))


def _generated(site: Site) -> Iterator[Finding]:
    """The files that the env schema generates are up to date, and there are no others."""
    made = template.generated(site)
    for path, wanted in made.items():
        there = text_file.read(path, site.shown(path)) if path.is_file() else ""
        if there != wanted:
            lines = zip(there.splitlines(), wanted.splitlines(), strict=False)
            same = next((n for n, (is_, should) in enumerate(lines, 1) if is_ != should), 0)
            line = same or len(there.splitlines()) + 1
            what = "differs from what the env schema generates" if there else "is not there"
            yield Finding(site.shown(path), line if there else 0, what, "inv env.template")
    folder = (site.folder / site.bundle.env.schema).parent
    for path in sorted(folder.glob("*.env.example")):
        if path not in made:
            what = "the env schema has no such template"
            yield Finding(site.shown(path), 0, what, "remove it, or add it to `templates:`")


def _quickstart(site: Site) -> Iterator[Finding]:
    path = site.folder / quickstart.FILE
    if not path.is_file():
        return
    text = yaml_file(site, path)
    recipe = operations_quickstart.recipe(site)
    project = quickstart_rules.Project(
        recipe=recipe,
        schema=read_schema(site),
        images=site.bundle.images,
        services={name for wave in site.bundle.waves for name in wave.services},
        exists=lambda name: (site.folder / name).exists(),
    )
    yield from quickstart_rules.check(project, text)


def _runbooks(site: Site, text: YamlText) -> Iterator[Finding]:
    found = every_finding(site)
    if found is None:
        yield Finding(
            text.name,
            text.line("runbooks"),
            f"there are no runbooks in {site.shown(site.folder / site.bundle.runbooks)}",
            "write them: one Markdown file for each, with a step for every task that changes "
            "something",
            waivers.RUNBOOKS,
            (waivers.RUNBOOKS,),
        )
    yield from found or ()


def _hooks(site: Site, text: YamlText) -> Iterator[Finding]:
    for moment, hook in site.bundle.hooks.items():
        if not os.access(site.folder / hook.run, os.X_OK):
            line = text.line("hooks", moment, "run")
            yield Finding(text.name, line, f"{hook.run} cannot be executed", f"chmod +x {hook.run}")


def _carried(site: Site, text: YamlText) -> Iterator[Finding]:
    for number, name in enumerate(site.bundle.compose.carries):
        if not (site.folder / name).exists():
            line = text.line("compose", "carries", str(number))
            yield Finding(text.name, line, f"{name} is not there", "write it, or take it out")


def _collected(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A part's findings; a file that cannot be read is findings, too."""
    try:
        yield from part()
    except ConfigError as err:
        yield from of_error(err, err.hint or "fix what is named")
