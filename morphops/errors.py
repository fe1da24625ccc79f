"""Every error that morphops raises on purpose, and the exit code that each one means.

| exit | error               | what it says about the world                                      |
|-----:|---------------------|-------------------------------------------------------------------|
|    0 |                     | done                                                              |
|    1 | (any other)         | a bug of ours, or Invoke's own parser                             |
|      | `NotShown`          | it was done, and the result could not be written                  |
|    2 | `InputError`        | bad input or configuration; nothing was changed                   |
|    3 | `PreconditionError` | not now: engine, registry, port, lock …; nothing was changed      |
|    4 | `RolledBack`        | the release failed, and what ran before runs again                |
|    5 | `RollbackFailed`    | the release failed, and so did going back: call a person          |
|      | `LockLost`          | the lock was taken away in the middle; it went no further         |
|    6 | `DriftFound`        | what runs is not what was released                                |
|  130 | `Interrupted`       | Ctrl-C (143: SIGTERM, 129: SIGHUP); things are whole again        |

A message has up to three parts: what failed, what the state is now, and the next command to type.
No part ever holds a secret value.
"""

from __future__ import annotations

from typing import ClassVar, Self


class MorphopsError(Exception):
    """The root of the tree.

    Args:
        what: one sentence that says what failed, and where.
        state: what is true of the world now, where that is not obvious.
        hint: the next command to type, or the next thing to do.
        detail: further lines (a probe's misses, the last log lines), already redacted.

    Attributes:
        exit_code: what the command ends with: that of the class, where no instance says another.
    """

    EXIT: ClassVar[int] = 1

    def __init__(
        self, what: str, *, state: str = "", hint: str = "", detail: tuple[str, ...] = ()
    ) -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.hint = hint
        self.detail = detail
        self.exit_code: int = self.EXIT

    def with_(
        self,
        *,
        what: str | None = None,
        state: str | None = None,
        hint: str | None = None,
        detail: tuple[str, ...] | None = None,
        exit_code: int | None = None,
    ) -> Self:
        """A copy with other parts; an error that was raised is never edited.

        Args:
            what, state, hint, detail, exit_code: the parts that differ; None keeps one.
        """
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.__cause__, other.__traceback__ = self.__cause__, self.__traceback__
        other.__suppress_context__ = self.__suppress_context__
        other.what = self.what if what is None else what
        other.args = (other.what,)
        other.state = self.state if state is None else state
        other.hint = self.hint if hint is None else hint
        other.detail = self.detail if detail is None else detail
        other.exit_code = self.exit_code if exit_code is None else exit_code
        return other

    def message(self) -> str:
        """The whole message as it is printed: one fact a line, at most once each."""
        lines = [self.what, *(f"  {line}" for line in self.detail)]
        if self.state:
            lines.append(f"state: {self.state}")
        if self.hint:
            lines.append(f"next:  {self.hint}")
        return "\n".join(lines)


class InputError(MorphopsError):
    """What the caller typed or wrote in a file cannot be used."""

    EXIT = 2


class OtherKind(InputError):
    """A digest names something else than a release."""


class ConfigError(InputError):
    """A file of the bundle is wrong; the message begins with `file: path/in/the/file`."""


class PreconditionError(MorphopsError):
    """The input is good, but the world is not ready; nothing was changed."""

    EXIT = 3


class EngineUnavailable(PreconditionError):
    """There is no container engine, or it lacks what is needed."""


class EngineCallFailed(PreconditionError):
    """The engine was asked for something and refused, or did not answer in time."""


class RegistryError(PreconditionError):
    """The registry is out of reach, refuses, or does not have what was asked for."""


class NotFound(PreconditionError):
    """A digest or a release that does not exist."""


class IntegrityError(PreconditionError):
    """Bytes do not hash to the digest that names them: never used, never stored."""


class LockHeld(PreconditionError):
    """Another operation holds the lock."""


class LockLost(MorphopsError):
    """The lock was taken from us in the middle; the operation is left for its new holder.

    The exit code is 3 for as long as no container was touched.
    """

    EXIT = 5

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what, state="no container was touched", hint=hint)
        self.exit_code = PreconditionError.EXIT

    def touched(self, state: str = "it stopped in the middle, and went no further") -> LockLost:
        """A copy for after containers were touched; `state` is what is true of them now."""
        return self.with_(state=state, exit_code=LockLost.EXIT)


class GateFailed(MorphopsError):
    """A health wait, a probe or a verification did not pass within its deadline.

    Inside a deploy it leads to the undo, and the caller sees `RolledBack`; a task that only looks
    (`smoke`, `wait`) raises it as it is.
    """

    EXIT = 3


class StepFailed(MorphopsError):
    """A step of a runbook did not come out as it says there.

    Args:
        code: the step's own exit code, which becomes ours; 3 where only an expectation failed.
    """

    def __init__(
        self,
        what: str,
        *,
        code: int,
        state: str = "",
        hint: str = "",
        detail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, state=state, hint=hint, detail=detail)
        self.exit_code = code


class NotShown(MorphopsError):
    """A command came to its end, and its result could not be written to stdout.

    Args:
        code: the exit code of the result; 1 where that would be 0.
    """

    def __init__(self, what: str, *, code: int, state: str, hint: str = "") -> None:
        super().__init__(what, state=state, hint=hint)
        self.exit_code = code or 1


class Bug(MorphopsError):
    """An unexpected exception, where what was begun had to be ended first.

    Its details are the places in the code, without what they worked on.
    """


class RolledBack(MorphopsError):
    """A step failed after the first container was touched, and the undo succeeded."""

    EXIT = 4


class RollbackFailed(MorphopsError):
    """A step failed, and the undo failed as well. It never hides the first failure."""

    EXIT = 5


class DriftFound(MorphopsError):
    """The release of record and what runs differ."""

    EXIT = 6


class Interrupted(MorphopsError):
    """SIGINT, SIGTERM or SIGHUP, after what was touched was made whole again.

    Args:
        signum: the signal's number; the exit code is 128 + signum, as shells have it.
    """

    def __init__(self, what: str, *, signum: int, state: str = "", hint: str = "") -> None:
        super().__init__(what, state=state, hint=hint)
        self.exit_code = 128 + signum
