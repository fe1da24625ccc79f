"""After a crash: what is refused, what is said."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphops.adapters.store.history_file import HistoryReader, HistoryWriter
from morphops.core.history import operations, recovery
from morphops.core.history.operations import Record
from morphops.errors import PreconditionError
from tests.fakes import Remembering
from tests.samples.history import A, B, records


def test_nothing_is_refused_where_nothing_was_cut_off() -> None:
    recovery.refuse(())
    recovery.refuse(records(A, B))
    recovery.refuse(records(A, ("prune", "", "")))


@pytest.mark.parametrize("kind", ["deploy", "rollback", "up", "down"])
def test_what_was_cut_off_must_be_ended_first(kind: operations.Kind) -> None:
    release = "" if kind == "down" else "B"
    with pytest.raises(PreconditionError) as caught:
        recovery.refuse(records(A, (kind, release, ""), ("prune", "", "pruned")))
    assert caught.value.what.startswith(f"{kind}")
    assert "is incomplete, before its first step" in caught.value.what
    assert "inv resume" in caught.value.hint
    assert "inv abort" in caught.value.hint


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["deploy", "rollback", "up", "down", "prune"]),
            st.sampled_from("ABC"),
            st.sampled_from(["deployed", "rolled back", "failed", "refused", "stopped", ""]),
        )
    )
)
def test_every_history_is_a_state_that_recovery_knows(told: list[tuple[str, str, str]]) -> None:
    """Either nothing was cut off, or it is named; the release of record is whole in both cases."""
    done: tuple[Record, ...] = records(*told)  # type: ignore[arg-type]
    record = operations.deployment_of_record(done)
    assert record is None or record.outcome == "deployed"
    cut = operations.incomplete_operation(done)
    if cut is None:
        recovery.refuse(done)
        return
    assert not cut.outcome
    assert recovery.describe(cut)
    with pytest.raises(PreconditionError):
        recovery.refuse(done)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["deploy", "rollback", "up", "down", "prune", "approve", "adopt", "break"]),
        st.sampled_from(["deployed", "rolled back", "failed", "refused", "stopped", "recorded"]),
        st.integers(0, 3),
    ),
    max_size=5,
)


@settings(max_examples=settings().max_examples // 2)  # each writes some files
@given(OPERATIONS)
def test_every_prefix_of_a_journal_is_a_state_that_recovery_knows(
    tmp_path_factory: pytest.TempPathFactory,
    told: list[tuple[operations.Kind, operations.Outcome, int]],
) -> None:
    """Wherever it was killed: something is under way exactly until its end stands there."""
    folder = tmp_path_factory.mktemp("prefix")
    written = HistoryWriter(folder / "history", Remembering())
    for kind, outcome, steps in told:
        record = written.begin(kind, release="sha256:" + "0" * 64, reason="")
        for number in range(steps):
            written.step(record, f"step {number}")
            written.result(record, "ok", 0)
        written.end(record, outcome)
    lines = written.path.read_bytes().splitlines(keepends=True) if told else []
    for whole in accumulate(lines, initial=b""):
        # And with a part of the next line, as a power cut leaves it.
        prefix = folder / "prefix"
        prefix.write_bytes(whole + b'{"entry":"st')
        done = HistoryReader(prefix).records()
        last = done[-1] if done else None
        under_way = last if last and not last.outcome and last.kind in operations.TOUCHING else None
        assert operations.incomplete_operation(done) == under_way
        if under_way is None:
            recovery.refuse(done)
            continue
        with pytest.raises(PreconditionError) as caught:
            recovery.refuse(done)
        reached = f"at: {under_way.steps[-1].step}" if under_way.steps else "before its first step"
        assert caught.value.what.startswith(f"{under_way.kind} of 000000000000")
        assert reached in caught.value.what
