"""What a person should know of a stack before its first release. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from morphops.core.bundle.derive.complete import Completed
from morphops.core.bundle.derive.secret_names import is_secret_name
from morphops.core.bundle.derive.waves import has_health_check
from morphops.core.checks.plain_secrets import has_password, literal


def notes(completed: Completed) -> Iterator[str]:
    """What is worth a word, each in one line; no value of a secret is in it.

    Args:
        completed: the bundle of the stack.
    """
    services = completed.model.services
    jobs = completed.raw.get("jobs") or {}
    images: Mapping[str, Any] = completed.raw.get("images") or {}
    checked = [n for n, s in services.items() if has_health_check(s)]
    if unchecked := [name for name in services if name not in checked and name not in jobs]:
        yield (
            f"no health check in the compose files: {', '.join(unchecked)}; unless the image has "
            "one, a deploy sees only that they run"
        )
    if moving := [n for n, i in images.items() if _moves(str(i.get("source", "")))]:
        yield (
            f"latest, or no tag: {', '.join(moving)}; each release pins what that is when it is "
            "made"
        )
    for name, service in services.items():
        for variable in _plain_secrets(service):
            yield (
                f"{completed.model.where.get(name, name)}: {name}: {variable} stands in the file, "
                f"and so in each release; write {variable}: ${{{variable}:?is not set}}"
            )


def _moves(source: str) -> bool:
    """Whether the image of a source is another one each time that it is built."""
    last = source.rpartition("/")[2]
    return bool(source) and "@" not in source and (":" not in last or last.endswith(":latest"))


def _plain_secrets(service: Mapping[str, Any]) -> Iterator[str]:
    """The variables of a service whose secret stands in the compose file."""
    for name, value in (service.get("environment") or {}).items():
        text = str(value or "")
        if "$" not in text and literal(text) and (is_secret_name(name) or has_password(text)):
            yield name
