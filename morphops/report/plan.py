"""A plan, and what became of it, as lines for people: from what `--json` shows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from morphops.core.release.digest import short


def plan(view: Mapping[str, Any]) -> Iterator[str]:
    """The whole plan: service by service, wave by wave, step by step, and the way back."""
    here = f"release {short(view['previous'])} is of record" if view["previous"] else "a first one"
    yield f"plan for release {view['release']} ({here}; nothing was changed)"
    for line in changes(view["changes"]):
        yield f"  {line}"
    yield "waves:"
    if view["checks"]:
        yield f"   0. checks, before anything is touched: {', '.join(view['checks'])}"
    for wave in view["waves"]:
        probes = f", then {', '.join(wave['probes'])}" if wave["probes"] else ""
        services = " ".join(wave["services"])
        yield f"  {wave['wave']:2}. {services}: healthy within {wave['deadline']:g} s{probes}"
    yield "steps:"
    for number, step in enumerate(view["steps"], start=1):
        yield f"  {number:2}. {step}"
    yield from _undo(view["undo"])


def changes(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What happens to each service, and below it what differs."""
    for row in rows:
        yield f"{row['action']} {row['service']}"
        if row["action"] == "replace":
            for what in _differences(row):
                yield f"    {what}"


def _differences(row: Mapping[str, Any]) -> Iterator[str]:
    before, after = row["image"]["from"], row["image"]["to"]
    if before != after:
        # The same digest from another repository differs in nothing that 12 digits would show.
        whole = _digest(before) == _digest(after)
        shown = (before, after) if whole else (_digest(before), _digest(after))
        yield f"image: {shown[0]} → {shown[1]}"
    variables = row["variables"]
    parts = [
        f"{says} {', '.join(variables[kind])}"
        for kind, says in (("added", "adds"), ("removed", "removes"), ("changed", "other value of"))
        if variables[kind]
    ]
    if parts:
        yield f"variables: {'; '.join(parts)}"
    if row["keys"]:
        yield f"configuration: {', '.join(row['keys'])}"
    if row["compared_with"] == "container":
        yield "compared with the container: values, health check and limits are not known of it"


def _undo(undo: Mapping[str, Any] | None) -> Iterator[str]:
    if undo is None:
        yield "on failure: nothing is undone"
        return
    comes = f"release {short(undo['release'])} comes back" if undo["release"] else "nothing is left"
    yield f"on failure: {comes}:"
    for number, step in enumerate(undo["steps"], start=1):
        yield f"  {number:2}. {step}"


def _digest(reference: str) -> str:
    return short(reference.rpartition("@")[2])
