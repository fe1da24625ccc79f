"""The bundle: what was understood, all of it, and what is wrong with the artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from morphops.core.bundle.parse import flow
from morphops.core.results.bundle import BundleCheck, BundleInit, BundleView
from morphops.report import check
from morphops.report.console import Reporter


def bundle_check(reporter: Reporter, result: BundleCheck) -> None:
    """Show what is wrong with the artifacts, one finding a line."""
    check.findings(reporter, result)
    if not result.findings:
        reporter.say("every artifact is ok")


def bundle_init(reporter: Reporter, result: BundleInit) -> None:
    """Show what was made, what was understood, and what to type next."""
    reporter.say(f"{result.file}: {result.state}; project {result.project}")
    rows = [
        (
            service.name,
            str(service.wave or "-"),
            "job" if service.job else "service",
            "yes" if service.health else "-",
            service.image + "".join(f" (profile {name})" for name in service.profiles),
        )
        for service in result.services
    ]
    reporter.table(("service", "wave", "kind", "health check", "image"), rows)
    for name, paths in (
        ("carried by each release", result.carries),
        ("data, which stays where it is", result.data),
        ("left out of releases", result.leaves),
    ):
        if paths:
            reporter.say(f"{name}: {', '.join(paths)}")
    _values(reporter, result)
    for note in result.notes:
        reporter.say(f"note: {note}")
    reporter.say("next:")
    for line in result.next:
        reporter.say(f"  {line}")


def _values(reporter: Reporter, result: BundleInit) -> None:
    reporter.say(f"values: {result.env_file}, mode 0600")
    for name, variables in (
        ("fresh", result.generated),
        ("taken over", result.taken),
    ):
        if variables:
            reporter.say(f"  {name}: {', '.join(variables)}")
    for variable, about in result.left.items():
        reporter.say(f"  to fill in: {variable}: {about}")


def bundle_show(reporter: Reporter, result: BundleView) -> None:
    """Show the bundle as YAML, with a comment at each part that says where it comes from."""
    reporter.say(f"# {result.file}, complete")
    for line in _lines(result.bundle, result.origins):
        reporter.say(line)
    reporter.say()
    reporter.say("# the env schema")
    for line in _block("variables", result.variables, "env/variables", result.origins):
        reporter.say(line)


def _lines(bundle: Mapping[str, Any], origins: Mapping[str, str]) -> Iterator[str]:
    for key, value in bundle.items():
        if isinstance(value, Mapping | list) and value:
            yield from _block(key, value, key, origins)
        else:
            yield f"{key}: {flow(value)}{_comment(origins, key)}"


def _block(key: str, value: Any, path: str, origins: Mapping[str, str]) -> Iterator[str]:
    """A mapping or a list, with one line for each part."""
    yield f"{key}:{_comment(origins, path)}"
    if isinstance(value, Mapping):
        for name, inner in value.items():
            below = f"{path}/{name}"
            if isinstance(inner, list) and any(f"{below}/{item}" in origins for item in inner):
                yield f"  {flow(name)}:"
                for item in inner:
                    yield f"    - {flow(item)}{_comment(origins, f'{below}/{item}')}"
            else:
                yield f"  {flow(name)}: {flow(inner)}{_comment(origins, below)}"
    else:
        for number, inner in enumerate(value):
            yield f"  - {flow(inner)}{_comment(origins, f'{path}/{number}')}"


def _comment(origins: Mapping[str, str], path: str) -> str:
    return f"  # {origins[path]}" if path in origins else ""
