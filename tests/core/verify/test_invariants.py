"""Invariants and approvals: flags in every form, and what the history says of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.docker import shapes
from morphops.adapters.store.history_file import HistoryReader, HistoryWriter
from morphops.core.bundle.schema import Invariant
from morphops.core.history import operations as history_operations
from morphops.core.history.operations import Kind, Outcome, Record
from morphops.core.stack import LaunchConfig, Running, Service
from morphops.core.verify import drift, invariants
from morphops.errors import PreconditionError
from tests.fakes import Remembering
from tests.samples.history import records
from tests.samples.plans import decided
from tests.samples.releases import BUNDLE, RELEASE, container, service

FLAG = "--fall-back"
RULES = {"private": Invariant(service="api", forbids=(FLAG, "-F"), why="it tells who asked")}


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ((), False),
        (("adapter", FLAG), True),
        ((FLAG,), True),
        (("adapter", f"{FLAG}=true"), True),
        (("adapter", f"{FLAG}=false"), True),  # whatever it says: it is on the line
        (("adapter", FLAG, "yes"), True),
        (("sh", "-c", f"exec adapter {FLAG}"), True),
        (("sh", "-c", f"adapter --x;adapter {FLAG}&&true"), True),
        (("sh", "-c", f'exec adapter "{FLAG}"'), True),
        (("sh", "-c", 'exec adapter --fall"-ba"ck'), True),
        (("sh", "-c", "exec adapter --fall\\-back"), True),
        (("sh", "-c", "exec adapter --fall-\\\nback"), True),
        (("sh", "-c", f"exec adapter\n  {FLAG}\n"), True),
        (("env", f"OPTIONS={FLAG}", "adapter"), True),
        (("adapter", "--fall-back-never"), False),
        (("adapter", "--no--fall-back"), False),
        (("adapter", "--fall", "-back"), False),
        (("adapter", "fall-back"), False),
        (("adapter", "--FALL-BACK"), False),
    ],
)
def test_a_flag_in_every_form(line: tuple[str, ...], there: bool) -> None:
    assert invariants.has(line, FLAG) is there


@pytest.mark.parametrize(
    ("line", "there"),
    [
        (("adapter", "--b=http://a:3000"), True),
        (("adapter", "--b", "http://a:3000"), True),
        (("adapter", "--b=http://b:3000", "--b=http://a:3000"), True),
        (("sh", "-c", 'exec adapter --b="http://a:3000"'), True),
        (("sh", "-c", "exec adapter --b  http://a:3000"), True),
        (("adapter", "--b=http://b:3000"), False),
        (("adapter", "--b=http://ab:3000"), False),
        (("adapter", "--b=http://a-b:3000"), False),
        (("adapter", "--a=http://a:3000", "--b=http://b:3000"), False),
        (("adapter", "--a", "http://a:3000", "--b", "http://b:3000"), False),
    ],
)
def test_a_flag_with_the_value_that_it_must_not_have(line: tuple[str, ...], there: bool) -> None:
    assert invariants.has(line, "--b=http://a") is there


WORDS = st.text(st.characters(codec="ascii", exclude_characters="-\\'\""), max_size=8)


@given(st.lists(WORDS), WORDS, st.lists(WORDS))
def test_a_flag_is_found_among_any_words(before: list[str], value: str, after: list[str]) -> None:
    assert not invariants.has([*before, *after], FLAG)
    assert invariants.has([*before, FLAG, *after], FLAG)
    assert invariants.has([*before, f"{FLAG}={value}", *after], FLAG)
    assert invariants.has(["sh", "-c", " ".join((*before, FLAG, *after))], FLAG)


def wanted(*line: str) -> dict[str, Service]:
    return {"api": service("api", launch=LaunchConfig(argv=line))}


def bring(services: dict[str, Service], approved: Collection[str] = ()) -> None:
    bundle = replace(BUNDLE, invariants=RULES)
    decided(bundle, RELEASE, services, Running(), approved=approved)


def test_a_release_that_breaks_one_is_refused() -> None:
    with pytest.raises(PreconditionError) as caught:
        bring(wanted("adapter", f"{FLAG}=sk-1", "-F"))
    message = caught.value.message()
    assert "the release breaks the invariant private, and no approval is recorded" in message
    assert f"api: {FLAG} is on its command line" in message
    assert "api: -F is on its command line" in message
    assert "it tells who asked" in message
    assert "inv approval.grant --name=private --reason=…" in message
    assert "sk-1" not in message
    bring(wanted("adapter", FLAG), {"private"})
    bring(wanted("adapter"))
    bring({"db": service("db", launch=LaunchConfig(argv=(FLAG,)))})


def test_a_plan_is_refused_before_it_is_one() -> None:
    bundle = replace(BUNDLE, invariants=RULES)
    services = wanted(FLAG)
    with pytest.raises(PreconditionError):
        decided(bundle, RELEASE, services, Running(), deployment=1, undo=None)
    approved = {"private"}
    todo = decided(bundle, RELEASE, services, Running(), deployment=1, undo=None, approved=approved)
    assert todo.steps


@pytest.mark.parametrize(
    ("line", "approved", "kinds"),
    [
        (("adapter",), (), []),
        (("adapter", FLAG), (), ["invariant"]),
        (("adapter", FLAG), ("private",), []),
        (("adapter", FLAG), ("another",), ["invariant"]),
    ],
)
def test_what_runs_is_held_against_them(
    line: tuple[str, ...], approved: tuple[str, ...], kinds: list[str]
) -> None:
    running = Running((container("api"),))
    found = drift.compare(
        RELEASE,
        wanted(),
        running,
        {"api-id": LaunchConfig(argv=line)},
        rules=RULES,
        approved=approved,
    )
    assert [difference.kind for difference in found] == kinds


def test_a_service_that_the_release_does_not_have_is_held_against_them_too() -> None:
    shown = {"api-id": LaunchConfig(argv=(FLAG,))}
    found = drift.compare(RELEASE, {}, Running((container("api"),)), shown, rules=RULES)
    assert [difference.kind for difference in found] == ["extra", "invariant"]


def test_the_line_is_that_of_the_files_and_that_of_the_engine() -> None:
    spec = {"entrypoint": ["sh", "-c"], "command": ["adapter $$X", FLAG]}
    assert shapes.shape_of_service(spec).argv == ("sh", "-c", "adapter $X", FLAG)
    assert shapes.shape_of_service({"entrypoint": None, "command": None}).argv == ()
    inspected = {"Path": "adapter", "Args": ["--x", FLAG], "Config": {}, "HostConfig": {}}
    assert shapes.shape_of_container(inspected, {}).argv == ("adapter", "--x", FLAG)


Operation: TypeAlias = tuple[Kind, str, Outcome | Literal[""]]


def told(*what: Operation) -> tuple[Record, ...]:
    """Operations as (kind, subject, outcome)."""
    plain = records(*((kind, "", outcome) for kind, _, outcome in what))
    return tuple(
        replace(record, subject=subject)
        for record, (_, subject, _) in zip(plain, what, strict=True)
    )


GIVEN: Operation = ("approve", "x", "recorded")
TAKEN: Operation = ("revoke", "x", "recorded")


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ((), set()),
        ((GIVEN,), {"x"}),
        ((("approve", "x", ""),), set()),  # cut off: it was never given
        ((GIVEN, TAKEN), set()),
        ((GIVEN, ("revoke", "x", "")), {"x"}),
        ((GIVEN, TAKEN, GIVEN), {"x"}),
        ((GIVEN, GIVEN, TAKEN), set()),
        ((TAKEN,), set()),
        ((GIVEN, ("approve", "y", "recorded"), TAKEN), {"y"}),
        ((GIVEN, ("deploy", "", "deployed")), {"x"}),  # it covers more than one release
        ((("deploy", "x", "deployed"),), set()),
    ],
)
def test_which_approvals_stand(what: tuple[Operation, ...], names: set[str]) -> None:
    assert history_operations.approved(told(*what), "") == names


KINDS: list[Kind] = ["deploy", "rollback", "up", "down", "prune"]
ASIDE: list[Kind] = ["approve", "revoke"]
OUTCOMES: list[Outcome | Literal[""]] = ["deployed", "rolled back", "failed", "stopped", ""]
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(["A", "B"]), st.sampled_from(OUTCOMES)),
    max_size=6,
)
APPROVALS = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(ASIDE), st.booleans()), max_size=4
)
ASKED: tuple[Callable[[Sequence[Record]], object], ...] = (
    history_operations.deployment_stack,
    history_operations.deployment_of_record,
    history_operations.rollback_target,
    history_operations.abandoned_deploy,
    history_operations.incomplete_operation,
    history_operations.is_down,
)


@given(OPERATIONS, APPROVALS)
def test_approvals_are_no_deploys(
    operations: list[Operation], approvals: list[tuple[int, Kind, bool]]
) -> None:
    plain = list(records(*operations))
    mixed = list(plain)
    for place, kind, ended in approvals:
        (extra,) = told((kind, "x", "recorded" if ended else ""))
        mixed.insert(min(place, len(mixed)), replace(extra, id=99, deployment=0))
    for ask in ASKED:
        assert ask(mixed) == ask(plain)


def test_an_approval_is_an_operation_of_the_history(tmp_path: Path) -> None:
    history = HistoryWriter(tmp_path / "history.jsonl", Remembering())
    record = history.begin("approve", subject="private", reason="incident 12")
    assert history_operations.approved(history.records(), "") == frozenset()
    history.end(record, "recorded")
    (read,) = HistoryReader(history.path).records()
    assert (read.kind, read.subject, read.reason) == ("approve", "private", "incident 12")
    assert (read.release, read.deployment) == ("", 0)
    assert history_operations.approvals(history.records(), "") == {"private": read}
