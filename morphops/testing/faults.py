"""Faults that a test puts into a fake engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias

# What happens: an exception that is raised, or a function that is called.
Happens: TypeAlias = BaseException | Callable[[], object]


@dataclass(slots=True)
class _Fault:
    """One fault: where, what, and how many times it is left to happen."""

    call: str
    happens: Happens
    when: Literal["before", "after"]
    left: int


@dataclass(slots=True)
class Faults:
    """What goes wrong, and at which call.

    Calls are named as `FakeEngine.calls` lists them: `start api`, `pull api`, `teardown`. Those
    that only look have names too:

    - `observe`, `networks`, `taken`, `outside`, `render`, `launch configs`
    - `logs api`, `get api URL`, `has api`
    - `read head`, `write head`, `lock`

    A start also calls `create NAME` for each service, so that it can fail with a part of it done.
    """

    _planned: list[_Fault] = field(default_factory=list)

    def at(
        self,
        call: str,
        happens: Happens,
        *,
        times: int = 1,
        when: Literal["before", "after"] = "before",
    ) -> None:
        """Let something happen at a call.

        Args:
            call: its name; `*` stands for any text.
            happens: an exception to raise (also one that is no `Exception`, for a process that is
                killed), or a function to call.
            times: how many calls it happens at.
            when: before the call has its effect, or after it.
        """
        self._planned.append(_Fault(call, happens, when, times))

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._planned.clear()

    @property
    def pending(self) -> tuple[str, ...]:
        """The calls whose faults did not all happen: a test that leaves one tested nothing."""
        return tuple(fault.call for fault in self._planned if fault.left)

    @contextmanager
    def around(self, call: str) -> Iterator[None]:
        """Let happen what was planned for a call, before and after the block."""
        self._happen(call, "before")
        yield
        self._happen(call, "after")

    def _happen(self, call: str, when: str) -> None:
        for fault in self._planned:
            if fault.left and fault.when == when and fnmatchcase(call, fault.call):
                fault.left -= 1
                if isinstance(fault.happens, BaseException):
                    raise fault.happens
                fault.happens()
