"""Between Invoke and the use cases: errors become exit codes, results become text or JSON.

Invoke turns only its own exceptions into exit codes; anything else would be a traceback.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from invoke.exceptions import Exit

from morphops.core.task_traits import Changes, Numbers
from morphops.errors import InputError, Interrupted, MorphopsError, NotShown, PreconditionError
from morphops.settings import Settings

if TYPE_CHECKING:
    from morphops.report.console import Reporter
    from morphops.site import Site


F = TypeVar("F", bound=Callable[..., None])

View: TypeAlias = Mapping[str, Any]


@overload
def command(body: F) -> F: ...


@overload
def command(
    *, changes: bool = False, unless: str = "", only: str = "", leads: bool = False
) -> Callable[[F], F]: ...


def command(
    body: F | None = None,
    *,
    changes: bool = False,
    unless: str = "",
    only: str = "",
    leads: bool = False,
) -> F | Callable[[F], F]:
    """A task's body that ends with the right exit code and one message, and no traceback.

    With `--json` the failure is an object on stdout as well.

    Args:
        body: what the task does.
        changes: whether it changes what runs or what is kept; such a task must stand in a runbook.
        unless: the option with which it changes nothing (`plan`).
        only: the option without which it changes nothing (`apply`).
        leads: whether it runs other tasks, which may change something.
    """

    def decorate(body: F) -> F:
        signature = inspect.signature(body)
        numbers = Numbers(_numbers(signature))

        @functools.wraps(body)
        def run(*args: Any, **kwargs: Any) -> None:
            ensure_standard_streams()
            try:
                body(*args, **(kwargs | numbers.of(kwargs)))
            except MorphopsError as err:
                _tell(err, json=bool(kwargs.get("json")))
                raise Exit(code=err.exit_code) from None
            except OSError as err:
                refused = _refused(err, looks=not (leads or run.changes.by(kwargs)))  # type: ignore[attr-defined]
                _tell(refused, json=bool(kwargs.get("json")))
                raise Exit(code=refused.exit_code) from None
            except KeyboardInterrupt:
                early = Interrupted("interrupted", signum=2, state="nothing was changed")
                _tell(early, json=bool(kwargs.get("json")))
                raise Exit(code=early.exit_code) from None

        run.__signature__ = _as_text(signature, numbers.defaults)  # type: ignore[attr-defined]
        run.numbers = numbers  # type: ignore[attr-defined]
        run.changes = Changes(changes, unless, only)  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return decorate if body is None else decorate(body)


def ensure_standard_streams() -> None:
    """Have something stand where a shell closed one of the standard streams (`>&-`).

    Python has None there, which cannot be written to; and the next file that anybody opens would
    get its number, and so what a child of ours writes.
    """
    for number, (name, mode) in enumerate(_STREAMS.items()):
        if getattr(sys, name) is not None:
            continue
        stream = Path(os.devnull).open(mode, encoding="utf-8", errors="replace")  # noqa: SIM115
        if stream.fileno() == number:  # the lowest that is free
            os.set_inheritable(number, True)
        setattr(sys, name, stream)


_STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}


def perform(
    json: bool, use_case: Callable[[Site], View], show: Callable[[Reporter, View], None]
) -> None:
    """Open the site, run a use case, and show what it returns.

    Args:
        json: one JSON object on stdout instead of text; with `SHOW` in the environment the text is
            written too, to stderr.
        use_case: what to do.
        show: how to write the result for people.

    Raises:
        NotShown: it was done, and the result could not be written.
    """
    from morphops.report.console import Reporter
    from morphops.site import open_site

    reporter = Reporter(json)
    view = use_case(open_site(reporter))
    try:
        if not reporter.emit(view) or Settings.of(os.environ).show:
            show(reporter, view)
        reporter.flush()
    except OSError as err:
        raise NotShown(
            f"the result could not be written: {err.strerror or type(err).__name__}",
            code=view.get("exit", 0),
            state=f"the command itself came to its end ({view.get('state', 'done')})",
            hint="inv status; inv history",
        ) from None
    # A view that reports something amiss was shown in full first, and then says its exit code.
    if view.get("exit"):
        raise Exit(code=view["exit"])


def _numbers(signature: inspect.Signature) -> dict[str, int | None]:
    """The parameters that are numbers, each with its default; None: what somebody else says."""
    return {
        p.name: p.default
        for p in signature.parameters.values()
        if type(p.default) is int or (p.default is None and p.annotation == "int | None")
    }


def _as_text(signature: inspect.Signature, numbers: Collection[str]) -> inspect.Signature:
    """The same with numbers as texts: of what is none Invoke would make a traceback."""
    parameters = [
        p.replace(default=None) if p.name in numbers else p for p in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def pairs(texts: Sequence[str], option: str, **named: str) -> dict[str, str]:
    """`NAME=VALUE` of a repeatable option, with what has an option of its own.

    Raises:
        InputError: one has no name, or no value.
    """
    found = {name: value for name, value in named.items() if value}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals or not value:
            raise InputError(f"{text!r}: write {option}=NAME=VALUE")
        found[name] = value
    return found


def _tell(err: MorphopsError, *, json: bool) -> None:
    from morphops.report.console import Reporter, error

    view = {
        "state": "failed",
        "exit": err.exit_code,
        "error": {
            "kind": type(err).__name__,
            "what": err.what,
            "detail": list(err.detail),
            "state": err.state,
            "next": err.hint,
        },
    }
    # That it cannot be told must not hide what failed: the exit code says that still.
    with suppress(OSError):
        reporter = Reporter(json and not isinstance(err, NotShown))
        reporter.emit(view)
        reporter.flush()
    with suppress(OSError):
        error(err)


def _refused(err: OSError, *, looks: bool) -> PreconditionError:
    """What the machine refused where nobody expected it: a full disk, too many open files …

    Args:
        err: as it was raised.
        looks: whether the task only looks.
    """
    from morphops.adapters.store.files import unreadable

    if looks and isinstance(err, PermissionError) and isinstance(err.filename, str):
        return unreadable(Path(err.filename), err)
    # Never its text as a whole: of a request that failed it holds the URL.
    about = f"{err.filename}: " if err.filename else ""
    stays = "it stopped there; what it had done until then stays"
    return PreconditionError(
        f"{about}{err.strerror or type(err).__name__}",
        state="nothing was changed" if looks else stays,
        hint="inv host.check" if looks else "inv status",
    )
