"""Between Invoke and the use cases: errors become exit codes, results become text or JSON.

Invoke turns only its own exceptions into exit codes; anything else would be a traceback.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from invoke.exceptions import Exit

from morphops.errors import MorphopsError

if TYPE_CHECKING:
    from morphops.app.site import Site
    from morphops.report import Reporter

F = TypeVar("F", bound=Callable[..., None])
View: TypeAlias = Mapping[str, Any]


def command(body: F) -> F:
    """A task's body that ends with the right exit code and one message, and no traceback.

    With `--json` the failure is an object on stdout as well.
    """

    @functools.wraps(body)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            body(*args, **kwargs)
        except MorphopsError as err:
            _tell(err, json=bool(kwargs.get("json")))
            raise Exit(code=err.exit_code) from None
        except KeyboardInterrupt:
            raise Exit("interrupted; nothing was changed", code=130) from None

    return run  # type: ignore[return-value]


def perform(
    json: bool, use_case: Callable[[Site], View], show: Callable[[Reporter, View], None]
) -> None:
    """Open the site, run a use case, and show what it returns.

    Args:
        json: one JSON object on stdout instead of text.
        use_case: what to do.
        show: how to write the result for people.
    """
    from morphops.app.site import open_site
    from morphops.report import Reporter

    reporter = Reporter(json)
    view = use_case(open_site(reporter))
    if not reporter.emit(view):
        show(reporter, view)
    # A view that reports something amiss was shown in full first, and then says its exit code.
    if view.get("exit"):
        raise Exit(code=view["exit"])


def _tell(err: MorphopsError, *, json: bool) -> None:
    from morphops import report

    if json:
        report.Reporter(True).emit(
            {
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
        )
    report.error(err)
