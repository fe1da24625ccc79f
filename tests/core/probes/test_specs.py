"""Every kind of probe is in the tables, and says of itself what the rest of the program asks."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, get_args

import pytest

from morphops.adapters.probes.table import READERS
from morphops.core.probes.kind import Asks, Patience, ProbeKind
from morphops.core.probes.question import Question
from morphops.core.probes.specs import PROBES, Probe

KINDS = pytest.mark.parametrize("kind", PROBES)

GIVEN: dict[str, dict[str, Any]] = {
    "checksum": {"document": "d", "file": "f", "bytes": "b", "sha256": "s"},
    "same": {"documents": ("d", "e"), "fields": {"n": "x"}},
    "agree": {
        "services": ("a", "b"),
        "url": "u",
        "fields": {"n": "x"},
        "document": "d",
        "matches": {"n": "y"},
    },
    "answers": {
        "service": "a",
        "port": 80,
        "document": "d",
        "rows": "r",
        "questions": (Question(name="q", method="m", params=("{p}", "latest"), expect="e"),),
    },
    "http": {"service": "a", "port": 80, "expect": "ok"},
    "exec": {"service": "a", "command": ("redis-cli", "ping"), "says": "PONG"},
    "inside": {"service": "a", "url": "http://b/", "expect": "ok", "judges": ("b",)},
}


def made(kind: str, **changes: Any) -> Probe:
    return PROBES[kind](kind=kind, **GIVEN[kind] | changes)  # type: ignore[arg-type]


def test_each_kind_of_the_union_is_in_both_tables() -> None:
    assert set(PROBES.values()) == set(get_args(Probe))
    assert READERS.keys() == PROBES.keys() == GIVEN.keys()


@KINDS
def test_the_table_names_a_kind_as_the_bundle_does(kind: str) -> None:
    hints = typing.get_type_hints(PROBES[kind])
    assert get_args(hints["kind"]) == (kind,)
    assert issubclass(PROBES[kind], ProbeKind)


@KINDS
def test_a_reader_takes_its_own_kind(kind: str) -> None:
    assert typing.get_type_hints(READERS[kind])["probe"] is PROBES[kind]


@pytest.mark.parametrize(
    ("kind", "asks"),
    [
        ("checksum", Asks((), ("d",), 0, {"file": "f", "bytes": "b", "sha256": "s"})),
        ("same", Asks((), ("d", "e"), 0, {"fields/n": "x"})),
        ("agree", Asks(("a", "b"), ("d",), 0, {"fields/n": "x", "matches/n": "y"})),
        (
            "answers",
            Asks(
                ("a",),
                ("d",),
                80,
                {
                    "rows": "r",
                    "questions/0/when": "",
                    "questions/0/expect": "e",
                    "questions/0/params/0": "p",
                },
            ),
        ),
        ("http", Asks(("a",), (), 80, {"expect": "ok"})),
        ("exec", Asks(("a",))),
        ("inside", Asks(("a",), (), 0, {"expect": "ok"}, ("b",))),
    ],
)
def test_what_a_probe_asks(kind: str, asks: Asks) -> None:
    assert made(kind).asks == asks


@KINDS
def test_what_asks_no_service_is_offline_and_looks_once(kind: str) -> None:
    probe = made(kind)
    assert probe.offline == (not probe.asks.services)
    timed = {f.name for f in dataclasses.fields(probe)} & {"deadline", "interval"}
    if probe.offline:
        assert (probe.patience, timed) == (Patience(), set())
    else:
        later = made(kind, deadline=7.0, interval=3.0)
        assert later.patience == Patience(7.0, 3.0)


def test_status_looks_at_what_is_cheap_to_ask() -> None:
    assert [kind for kind in PROBES if PROBES[kind].watched] == ["agree"]
