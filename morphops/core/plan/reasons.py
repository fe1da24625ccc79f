"""Reasons to refuse before anything is touched; all of them become one error. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morphops.errors import InputError, MorphopsError, PreconditionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason why a plan is refused.

    Attributes:
        what: what is in the way.
        detail: further lines.
        hint: what to type against it.
        wrong: whether the release or the values are wrong (exit code 2), and not the moment (3).
    """

    what: str
    detail: tuple[str, ...] = ()
    hint: str = ""
    wrong: bool = False


def refusal(reasons: Sequence[Reason]) -> MorphopsError:
    """The one error that tells every reason.

    Args:
        reasons: at least one.
    """
    kind = InputError if any(reason.wrong for reason in reasons) else PreconditionError
    if len(reasons) == 1:
        (only,) = reasons
        return kind(only.what, detail=only.detail, hint=only.hint, state="nothing was changed")
    lines: list[str] = []
    for reason in reasons:
        lines += [reason.what, *(f"  {line}" for line in reason.detail)]
        lines += [f"  next: {reason.hint}"] if reason.hint else []
    return kind(
        f"{len(reasons)} reasons not to begin",
        detail=tuple(lines),
        state="nothing was changed",
        hint="fix each of them, then the same command again",
    )
