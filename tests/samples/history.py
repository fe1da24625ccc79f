"""Operations of a history, written short."""

from __future__ import annotations

from typing import Literal

from morphops.core.history.operations import Kind, Outcome, Record

Told = tuple[Kind, str, Outcome | Literal[""]]


def records(*told: Told) -> tuple[Record, ...]:
    """Operations as (kind, release and values, outcome); `A2` is release A with other values."""
    return tuple(
        Record(
            id=number,
            kind=kind,
            release=what[:1],
            deployment=number,
            fingerprint=what[1:],
            reason="",
            user="u",
            host="h",
            began="t",
            ended="t",
            outcome=outcome,
        )
        for number, (kind, what, outcome) in enumerate(told, start=1)
    )


A: Told = ("deploy", "A", "deployed")
B: Told = ("deploy", "B", "deployed")
