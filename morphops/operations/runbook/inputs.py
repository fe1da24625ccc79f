"""What a run of a runbook is told: at its start, or by a person when it is first needed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from morphops.core.runbook import commands
from morphops.core.runbook.model import Input, Runbook
from morphops.errors import InputError
from morphops.site import Site


def take(
    site: Site,
    book: Runbook,
    section: str,
    given: Mapping[str, str],
    *,
    later: bool,
    again: str,
    known: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The inputs of a section, checked.

    Args:
        site: where.
        book, section: what asks for them.
        given: what the operator said.
        later: a person can be asked for what is missing, when an earlier step has shown it.
        again: the command, without inputs; for what is advised.
        known: what the operator said before, where the run goes on.

    Raises:
        InputError: with all that is wrong.
    """
    faults = [f"{name} is not an input of {book.name}" for name in given if name not in book.inputs]
    values, say = {}, [again]
    known = known or {}
    for name in commands.inputs_of(book, section):
        spec = book.inputs[name]
        value = given.get(name) or known.get(name) or spec.default
        if not value and later:
            continue
        if why := fault(site, name, spec, value):
            faults.append(why)
            say.append(option(name))
        elif name in given and name not in known:
            say.append(shlex.quote(option(name, value)))
        values[name] = value
    if faults:
        raise InputError(
            f"{book.name}: {faults[0]}"
            if len(faults) == 1
            else f"{book.name}: {len(faults)} inputs are not right",
            detail=tuple(faults) if len(faults) > 1 else (),
            state="nothing was done",
            hint=" ".join(say),
        )
    return values


def option(name: str, value: str = "…") -> str:
    """An input as it is said on a command line."""
    given = name if name in ("release", "reason") else f"input={name}"
    return f"--{given}={value}"


def fault(site: Site, name: str, spec: Input, value: str) -> str:
    """Why a value cannot be an input; empty where it can. It never shows the value."""
    if not value:
        return f"{name} is missing: {spec.about}"
    if value.startswith("-"):
        return f"{name} begins with a dash, and Invoke would take it for a flag"
    if not re.fullmatch(spec.pattern, value):
        return f"{name} does not have the right form: {spec.about} (pattern: {spec.pattern})"
    # A run that is resumed needs them as they are, so they cannot be redacted where they are kept.
    if site.redact(value) != value:
        return f"{name} holds a secret of this stack, and inputs are kept and shown"
    return ""
