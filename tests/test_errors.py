"""The error tree: one exit code for each kind, and what a message looks like."""

from __future__ import annotations

import inspect
import signal

import pytest

from morphops import errors
from morphops.errors import (
    InputError,
    Interrupted,
    LockLost,
    MorphopsError,
    NotShown,
    StepFailed,
)

CODES = {
    "MorphopsError": 1,
    "Bug": 1,
    "NotShown": 1,  # or what the result itself says
    "StepFailed": 1,  # each has the code of its step
    "InputError": 2,
    "ConfigError": 2,
    "OtherKind": 2,
    "PreconditionError": 3,
    "EngineUnavailable": 3,
    "EngineCallFailed": 3,
    "RegistryError": 3,
    "NotFound": 3,
    "IntegrityError": 3,
    "LockHeld": 3,
    "LockLost": 5,
    "GateFailed": 3,
    "RolledBack": 4,
    "RollbackFailed": 5,
    "DriftFound": 6,
}


def tree() -> dict[str, type[MorphopsError]]:
    return {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, MorphopsError)
    }


def test_the_whole_table_of_exit_codes() -> None:
    # A new kind of error is entered here on purpose: its code is a promise to scripts.
    found = {name: kind.EXIT for name, kind in tree().items() if name != "Interrupted"}
    assert found == CODES


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_has_the_code_that_shells_give_it(signum: int, code: int) -> None:
    error = Interrupted("stopped", signum=signum, state="whole", hint="inv status")
    assert error.exit_code == code
    assert error.message() == "stopped\nstate: whole\nnext:  inv status"
    assert Interrupted("another", signum=signal.SIGINT).exit_code == 130
    assert error.exit_code == code  # an instance's code is its own


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "it broke"),
        ({"state": "as before"}, "it broke\nstate: as before"),
        ({"hint": "inv up"}, "it broke\nnext:  inv up"),
        (
            {"hint": "inv up", "state": "down", "detail": ("one", "two")},
            "it broke\n  one\n  two\nstate: down\nnext:  inv up",
        ),
    ],
)
def test_a_message_has_only_the_parts_that_are_there(
    parts: dict[str, object], message: str
) -> None:
    error = MorphopsError("it broke", **parts)  # type: ignore[arg-type]
    assert error.message() == message
    assert str(error) == "it broke"


def test_who_catches_what_changed_nothing_catches_all_of_it() -> None:
    changed_nothing = {name for name, code in CODES.items() if code in (2, 3)} - {"GateFailed"}
    roots = (errors.InputError, errors.PreconditionError)
    assert {name for name, kind in tree().items() if issubclass(kind, roots)} == changed_nothing


@pytest.mark.parametrize(
    "error",
    [
        Interrupted("interrupted", signum=signal.SIGTERM),
        LockLost("lost").touched(),
        StepFailed("failed", code=5),
        NotShown("not shown", code=0, state="done"),
        InputError("wrong", detail=("a line",)),
    ],
)
def test_a_copy_differs_in_what_is_named_alone(error: MorphopsError) -> None:
    before = vars(error).copy()
    copy = error.with_(state="another state", detail=("more",))
    assert type(copy) is type(error)
    assert vars(error) == before
    assert vars(copy) == {**before, "state": "another state", "detail": ("more",)}
    assert str(error.with_(what="something else")) == "something else"
    assert error.with_(exit_code=9).exit_code == 9
