"""Between Invoke and the use cases: errors become exit codes, results become text or JSON.

Invoke turns only its own exceptions into exit codes; anything else would be a traceback.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, overload

from invoke.exceptions import Exit

from morphops.core.task_traits import Changes, Numbers
from morphops.errors import InputError, Interrupted, MorphopsError, NotShown, PreconditionError

if TYPE_CHECKING:
    from morphops.core.results.base import Result
    from morphops.interfaces import Observer
    from morphops.report.console import Reporter
    from morphops.site import Site


F = TypeVar("F", bound=Callable[..., None])
R = TypeVar("R", bound="Result")


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
        numbers = Numbers(_numbers(body))

        @functools.wraps(body)
        def run(*args: object, **kwargs: object) -> None:
            ensure_standard_streams()
            json, events = bool(kwargs.get("json")), str(kwargs.get("events") or "")
            try:
                if leads or run.changes.by(kwargs):  # type: ignore[attr-defined]
                    refuse_dry_run(args[0] if args else None, unless=unless, only=only)
                body(*args, **(kwargs | numbers.of(kwargs)))
            except MorphopsError as err:
                failure = err
            except OSError as err:
                failure = _refused(err, looks=not (leads or run.changes.by(kwargs)))  # type: ignore[attr-defined]
            except KeyboardInterrupt:
                failure = Interrupted("interrupted", signum=2, state="nothing was changed")
            else:
                return
            _tell(failure, json=json, events=events)
            raise Exit(code=failure.exit_code) from None

        if numbers.defaults:
            run.__signature__ = _as_text(body, numbers.defaults)  # type: ignore[attr-defined]
        run.numbers = numbers  # type: ignore[attr-defined]
        run.changes = Changes(changes, unless, only)  # type: ignore[attr-defined]
        return run  # type: ignore[return-value]

    return decorate if body is None else decorate(body)


def refuse_dry_run(context: object, *, unless: str = "", only: str = "") -> None:
    """Refuse Invoke's dry run, which a task that changes something would not keep.

    Invoke only echoes the shell commands of a task then (`--dry`, `-R`, `INVOKE_RUN_DRY`, `run.dry`
    of its configuration). Our tasks run none, so they would do everything.

    Args:
        context: what Invoke gives the task.
        unless, only: see `command`.

    Raises:
        InputError: a dry run was asked for.
    """
    config = getattr(context, "config", None)
    if config is None or not config.get("run", {}).get("dry"):
        return
    hint = "the same command without --dry; this task has no dry run"
    if unless:
        hint = f"the same command without --dry, and with --{unless}: it changes nothing"
    elif only:
        hint = f"the same command without --dry and without --{only}: it changes nothing"
    raise InputError(
        "a dry run (--dry, -R, INVOKE_RUN_DRY) would do all of it: Invoke would only echo commands",
        state="nothing was changed",
        hint=hint,
    )


def ensure_standard_streams() -> None:
    """Have something stand where a shell closed one of the standard streams (`>&-`).

    Python has None there, which cannot be written to. And the next file that is opened would get
    its number, and with it everything that a child of ours writes.
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
    json: bool,
    use_case: Callable[[Site], R],
    show: Callable[[Reporter, R], None],
    events: str = "",
    *,
    of_record: bool = False,
) -> None:
    """Open the site, run a use case, and show what it returns.

    Args:
        json: one JSON object on stdout instead of text; with `SHOW` in the environment the text is
            written too, to stderr.
        use_case: what to do.
        show: how to write the result for people.
        events: where progress is written as JSON lines: a path, `-` for stderr (which then holds
            nothing else), empty for nowhere.
        of_record: see `open_site`.

    Raises:
        InputError: `events` cannot be opened.
        NotShown: it was done, and the result could not be written.
    """
    from morphops.report.console import Reporter

    reporter = Reporter(json)
    _show(reporter, _run(reporter, use_case, events, of_record), show)


def perform_anywhere(
    json: bool,
    use_case: Callable[[Observer], R],
    show: Callable[[Reporter, R], None],
) -> None:
    """Run a use case that needs no bundle, and show what it returns; see `perform`."""
    from morphops.report.console import Reporter

    reporter = Reporter(json)
    _show(reporter, use_case(reporter), show)


def _show(reporter: Reporter, result: R, show: Callable[[Reporter, R], None]) -> None:
    try:
        if not reporter.emit(result) or _shows_text():
            show(reporter, result)
        reporter.flush()
    except OSError as err:
        raise NotShown(
            f"the result could not be written: {err.strerror or type(err).__name__}",
            code=result.exit,
            state=f"the command itself came to its end ({result.state})",
            hint="inv status; inv history",
        ) from None
    # A result that reports something amiss was shown in full first, and then says its exit code.
    if result.exit:
        raise Exit(code=result.exit)


def _run(reporter: Reporter, use_case: Callable[[Site], R], events: str, of_record: bool) -> R:
    """Run a use case on the site, observed by the reporter and by whom `events` names."""
    from morphops.report import events as report_events
    from morphops.site import open_site

    if not events:
        return use_case(open_site(reporter, of_record=of_record))
    with report_events.opened(events) as log:
        observer: Observer = log
        if events != report_events.STDERR:
            observer = report_events.Both(reporter, log)
        site = open_site(observer, of_record=of_record)
        log.redact_with(site.redact)
        result = use_case(site)
        log.finished(result)
        return result


def _shows_text() -> bool:
    from morphops.settings import Settings

    return Settings.of(os.environ).show


def _numbers(body: Callable[..., None]) -> dict[str, int | None]:
    """The parameters that are numbers, each with its default; None: something else decides.

    A signature would say the same, and takes most of the time of an import.
    """
    code, defaults = body.__code__, body.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    return {
        name: default
        for name, default in zip(names, defaults, strict=True)
        if type(default) is int
        or (default is None and body.__annotations__.get(name) == "int | None")
    }


def _as_text(body: Callable[..., None], numbers: Collection[str]) -> inspect.Signature:
    """The signature with numbers as texts: Invoke crashes on a number that it cannot read."""
    signature = inspect.signature(body)
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


def _tell(err: MorphopsError, *, json: bool, events: str) -> None:
    from morphops.core.results.failure import of_error
    from morphops.report import events as report_events
    from morphops.report.console import Reporter, error

    # That it cannot be told must not hide what failed: the exit code says that still.
    with suppress(OSError):
        reporter = Reporter(json and not isinstance(err, NotShown))
        reporter.emit(of_error(err))
        reporter.flush()
    if events:
        with suppress(OSError, InputError), report_events.opened(events) as log:
            log.failed(err)
    if events != report_events.STDERR:
        with suppress(OSError):
            error(err)


def _refused(err: OSError, *, looks: bool) -> PreconditionError:
    """What the machine refused where it was not expected: a full disk, too many open files …

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
