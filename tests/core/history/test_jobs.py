"""What the history knows of jobs, also past a checkpoint."""

from __future__ import annotations

import dataclasses
from typing import Any

from morphops.core.history import checkpoint, jobs
from morphops.core.history.jobs import JobMark
from morphops.core.history.operations import Outcome, Past, Record, StepRecord, apply_entry
from morphops.core.when import ago


def mark(config: str, *, undoes: bool = False, reversible: bool = False) -> JobMark:
    return JobMark(
        service="migrate", config=config, undoes=undoes, reversible=reversible, started=True
    )


def record(id_: int, *marks: tuple[JobMark, str], outcome: Outcome = "deployed") -> Record:
    steps = tuple(
        StepRecord("run job migrate", f"t{id_}", result=result, job=job) for job, result in marks
    )
    made = Record(
        id=id_,
        kind="deploy",
        release=f"r{id_}",
        deployment=id_,
        fingerprint="f",
        reason="",
        user="u",
        host="h",
        began=f"t{id_}",
        steps=steps,
    )
    return dataclasses.replace(made, outcome=outcome)


def known(past: Past) -> list[tuple[str, int, bool]]:
    return [(run.config, run.operation, run.undone) for run in jobs.runs(past)]


def test_the_last_run_of_each_configuration_is_known() -> None:
    past = Past(
        (
            record(1, (mark("a"), "ok")),
            record(2, (mark("b"), "failed"), outcome="rolled back"),
            record(3, (mark("b"), "ok")),
            record(4, (mark("c"), "")),
            record(5, (mark("a"), "ok")),
        )
    )
    assert known(past) == [("b", 3, False), ("a", 5, False)]


def test_what_was_taken_back_is_known_as_such() -> None:
    past = Past((record(1, (mark("a"), "ok")), record(2, (mark("a", undoes=True), "ok"))))
    assert known(past) == [("a", 2, True)]
    again = Past((*past.records, record(3, (mark("a"), "ok"))))
    assert known(again) == [("a", 3, False)]


def test_a_checkpoint_remembers_it() -> None:
    past = Past((record(1, (mark("a"), "ok")), record(2, (mark("b"), "ok"))))
    entry = {"seq": 9, **checkpoint.make(past, 1, "t9")}
    after = Past((), checkpoint.standing(entry))
    assert jobs.runs(after) == jobs.runs(past)
    later = dataclasses.replace(after, records=(record(3, (mark("a", undoes=True), "ok")),))
    assert known(later) == [("b", 2, False), ("a", 3, True)]


def test_a_checkpoint_of_an_earlier_version_knows_of_none() -> None:
    entry: dict[str, Any] = {"seq": 9, **checkpoint.make(Past((record(1),)), 1, "t9")}
    del entry["standing"]["jobs"]
    assert jobs.runs(Past((), checkpoint.standing(entry))) == ()


def test_so_many_are_remembered() -> None:
    past = Past(tuple(record(n, (mark(f"c{n}"), "ok")) for n in range(1, 70)))
    assert len(jobs.runs(past)) == jobs.MOST
    assert known(past)[-1] == ("c69", 69, False)


def test_what_an_operation_did_and_what_it_left_open() -> None:
    one = record(1, (mark("a"), "ok"), (mark("a", undoes=True), "ok"), (mark("b"), ""))
    assert jobs.passed(one) == {}
    assert jobs.undone(one) == {"migrate"}
    assert [m.config for m in jobs.interrupted(one)] == ["b"]
    begun = dataclasses.replace(mark("b"), started=False)
    for result, said in (("", [begun]), ("ok", [mark("b")]), ("failed", [])):
        assert list(jobs.interrupted(record(1, (begun, result)))) == said
        assert jobs.passed(record(1, (begun, result))) == {}
    taken_up = record(1, (mark("b"), ""), (mark("b"), "ok"))
    assert jobs.interrupted(taken_up) == ()
    assert jobs.passed(taken_up) == {"migrate": "b"}


def test_what_ran_since_and_cannot_be_taken_back() -> None:
    target = record(2)
    records = (
        record(1, (mark("a"), "ok")),
        target,
        record(3, (mark("b"), "ok")),
        record(4, (mark("c", reversible=True), "ok")),
        record(5, (mark("d"), "ok"), (mark("d", undoes=True), "ok")),
    )
    assert [run.config for run in jobs.since(records, target)] == ["b"]


def test_an_entry_says_which_job_a_step_runs() -> None:
    records = {1: dataclasses.replace(record(1), outcome="")}
    said = dataclasses.asdict(mark("a"))
    entry = {"entry": "step", "id": 1, "step": "run job migrate", "at": "t", "touches": True}
    apply_entry(records, {**entry, "job": said})
    apply_entry(records, entry)
    assert [step.job for step in records[1].steps] == [mark("a"), None]


def test_how_long_ago() -> None:
    found = [ago(seconds) for seconds in (-1, 59, 60, 3599, 3600, 86400 * 3)]
    assert found == ["0 s ago", "59 s ago", "1 min ago", "59 min ago", "1 h ago", "3 d ago"]
