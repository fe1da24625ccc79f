"""Whether a history is the one that the engine knows of."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphops.adapters.store.history_file import HistoryWriter
from morphops.core.history import heads
from morphops.core.history.heads import Head
from tests.fakes import Remembering

ENTRIES: dict[str, dict[str, Any]] = {
    "begin": {
        **dict.fromkeys(("release", "fingerprint", "reason", "user", "host", "began"), ""),
        "kind": "deploy",
        "deployment": 0,
    },
    "step": {"at": "", "step": "s"},
    "result": {"at": "", "result": "ok", "took": 0},
    "resume": {"at": "", "how": "resume", "user": "", "host": ""},
    "end": {"ended": "", "outcome": "deployed", "error": ""},
}


def entries(written: str, hashes: str = "h") -> list[dict[str, Any]]:
    """As `begin step end`; `break` and the like begin that. Each beginning is the next operation's,
    and what follows is the same one's, or that of the number behind it: `resume:1`."""
    found: list[dict[str, Any]] = []
    id_ = 0
    for seq, word in enumerate(written.split(), start=1):
        name, _, of = word.partition(":")
        kind = {} if name in ENTRIES else {"kind": name}
        name = name if name in ENTRIES else "begin"
        id_ += name == "begin"
        entry = {"entry": name, "id": int(of or id_), "seq": seq, "hash": f"{hashes}{seq}"}
        found.append(ENTRIES[name] | kind | entry)
    return found


def at(seq: int, operation: int = 0, **more: Any) -> Head:
    return Head(seq=seq, hash=f"h{seq}", operation=operation, **more)


DONE = "begin step result end "  # four entries, of which the engine was told
OPEN = "begin step result step "  # likewise, and operation 1 is under way
BREAK = OPEN + "break end "  # operation 1 was cut off, and the head is told of another's end


@pytest.mark.parametrize(
    ("here", "known", "says"),
    [
        ("", None, ""),
        ("begin", None, ""),  # killed before the engine was told of the first
        ("begin step", None, "knows of no history, and the one here has 2 entries"),
        ("begin end", Head(fence=1), "knows of no history"),
        ("", Head(fence=1), ""),
        (DONE, at(4), ""),
        (DONE + "begin", at(4), ""),
        (DONE + "approve", at(4), ""),
        (DONE + "begin:3", at(4), "told of 4 entries and never of the 1 after them"),
        (DONE + "begin step", at(4), "told of 4 entries and never of the 2 after them"),
        (DONE + "approve end", at(4), "never of the 2 after them"),  # forged
        (OPEN + "result", at(4, 1), ""),
        (OPEN + "result step result step end", at(4, 1), ""),  # the engine was away, and it went on
        (OPEN + "result end begin", at(4, 1), "never of the 3 after them"),
        (OPEN + "resume", at(4, 1), ""),
        (OPEN + "begin", at(4, 1), "never of the 1 after them"),  # nothing begins beside it
        (OPEN + "break", at(4, 1), ""),
        (OPEN + "adopt", at(4, 1), ""),
        (OPEN + "step", at(4), "never of the 1 after them"),
        (OPEN + "result", at(4), "never of the 1 after them"),
        (BREAK + "resume:1", at(6), ""),
        (BREAK + "resume:1 step:1", at(6), "never of the 2 after them"),
        (BREAK + "step:1", at(6), "never of the 1 after them"),
        (BREAK + "end:1", at(6), "never of the 1 after them"),
        ("begin step end", at(4), "ends at entry 3, but the engine was told of 4"),
        ("", at(4), "ends at entry 0, but the engine was told of 4"),
    ],
)
def test_a_table(here: str, known: Head | None, says: str) -> None:
    found = heads.mismatch(entries(here), known)
    assert (says in found) if says else (found == ""), found


@pytest.mark.parametrize("more", ["", "begin", "begin step result end"])
def test_another_history(more: str) -> None:
    found = heads.mismatch(entries(DONE + more, hashes="x"), at(4))
    assert "entry 4 is not the one that the engine was told of" in found


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (DONE, Head(seq=4, hash="h4", release="")),
        # Nobody is at it any more: the next thing can only be that somebody takes it up.
        (OPEN, Head(seq=4, hash="h4")),
        ("begin", Head(seq=1, hash="h1")),
        (BREAK, Head(seq=6, hash="h6")),
        (BREAK + "resume:1", Head(seq=7, hash="h7")),
    ],
)
def test_the_head_of_a_history(written: str, says: Head) -> None:
    assert heads.of(entries(written)) == says


@pytest.mark.parametrize("begun", ["begin", "approve", "prune", "begin step", OPEN])
@pytest.mark.parametrize("more", ["end", "step", "result", "step end", "resume", "resume end"])
def test_a_history_is_not_forged_in_two_stages(begun: str, more: str) -> None:
    """First something that a crash may leave; once the engine was told of it, an end for it."""
    first = entries(begun)
    forged = entries(f"{begun} {more}")
    found = heads.mismatch(forged, heads.of(first))
    may_follow = more == "resume" and begun not in ("approve", "prune")
    assert (found == "") == may_follow


def test_it_says_what_the_engine_knows() -> None:
    known = at(4, operation=2, step="start wave 1", release="sha256:" + "ab" * 32)
    said = heads.mismatch(entries("begin step"), known)
    assert "release of record abababababab" in said
    assert "operation 2 at: start wave 1" in said


@settings(max_examples=settings().max_examples // 2)  # each writes some files
@given(st.lists(st.sampled_from(["ok", "failed"]), max_size=6), st.booleans(), st.integers(0, 40))
def test_whatever_a_journal_writes_is_its_own_and_what_is_cut_off_is_not(
    tmp_path_factory: pytest.TempPathFactory, ends: list[str], killed: bool, cut: int
) -> None:
    """At every point where a writer may be killed, the history is the engine's; a prefix is not.

    What may come after a kill is in `test_histories`.
    """
    witness = Remembering()
    journal = HistoryWriter(tmp_path_factory.mktemp("head") / "history", witness)
    for how in (*ends, *["killed"] * killed):
        record = journal.begin("deploy", release="sha256:" + "0" * 64, reason="")
        for step in ("pull", "start"):
            journal.step(record, step)
            journal.result(record, "ok", 0)
        if how != "killed":
            journal.end(record, "deployed" if how == "ok" else "failed")
    written = journal.entries()
    # Killed after the n-th entry: the engine knows the last head that was told before, or this one.
    for count in range(len(written) + 1):
        told = [h for h in witness.heads if h.seq <= count]
        assert heads.mismatch(written[:count], told[-1] if told else None) == ""
        if told and told[-1].seq == count:
            assert heads.mismatch(written[:count], told[-2] if told[1:] else None) == ""
    if witness.heads:
        last = witness.heads[-1]
        shorter = written[: min(cut, last.seq - 1)]
        assert heads.mismatch(shorter, last) != ""
        other = dataclasses.replace(last, hash="0" * 64)
        assert heads.mismatch(written, other) != ""
