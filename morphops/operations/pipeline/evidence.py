"""What a failed release leaves for a post-mortem, collected before the automatic rollback."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from morphops.adapters.store.history_file import HistoryReader
from morphops.core.history.operations import Record
from morphops.core.plan.plan import Plan
from morphops.core.results.base import encode
from morphops.core.results.deploy import of_changes
from morphops.core.visible import in_json, visible
from morphops.errors import EngineCallFailed, MorphopsError
from morphops.site import Site

_LINES = 500
ENOUGH = 60.0  # seconds for all of it; what ran before is waiting


def folder_of(site: Site, record: Record) -> Path | None:
    """The evidence of an operation, where there is some; the last one, where it failed twice.

    What its release left counts before what a failed rollback left.
    """
    failures = site.state.root / "failures"
    found = sorted(failures.glob(f"*Z-{record.id}")) or sorted(failures.glob(f"*-{record.id}"))
    return found[-1] if found else None


def keep(
    site: Site,
    history: HistoryReader,
    record: Record,
    plan: Plan,
    error: MorphopsError,
    *,
    going_back: bool = False,
) -> Path | None:
    """Write a folder of its own, mode 0700: error, plan, history, logs, containers, health.

    No value of a variable is in it, and secrets that are known are taken out of the rest. An engine
    that is slow to answer is not asked for all of it.

    Args:
        site: where.
        history: has the operation's entries.
        record: the operation.
        plan: its plan.
        error: what failed.
        going_back: whether that was the rollback.

    Returns:
        the folder; None where it could not be written, which does not stop the rollback.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{stamp}-way-back-{record.id}" if going_back else f"{stamp}-{record.id}"
    folder = site.state.root / "failures" / name
    try:
        _keep(site, folder, history, record, plan, error)
    except Exception as err:  # a bug of ours here must not keep the old release from coming back
        what = err.what if isinstance(err, MorphopsError) else f"{type(err).__name__}: {err}"
        site.observer.note(f"the evidence is not whole: {site.redact(what)}")
    return folder if folder.is_dir() else None


def _keep(
    site: Site,
    folder: Path,
    history: HistoryReader,
    record: Record,
    plan: Plan,
    error: MorphopsError,
) -> None:
    end = time.monotonic() + ENOUGH

    def write(name: str, text: str) -> None:
        site.state.write(folder / name, visible(site.redact(text)).encode())

    def write_json(name: str, value: object) -> None:
        text = json.dumps(site.redact.within(value), indent=2, ensure_ascii=False)
        site.state.write(folder / name, f"{in_json(text)}\n".encode())

    write("error.txt", f"{error.message()}\n")
    write_json(
        "plan.json",
        {
            "release": plan.release,
            "deployment": plan.deployment,
            "digest": plan.digest,
            "steps": [str(step) for step in plan.steps],
            "changes": encode(of_changes(plan.changes)),
            "undo": [str(step) for step in plan.undo.steps] if plan.undo else [],
        },
    )
    entries = history.open_entries()
    write_json("history.json", [entry for entry in entries if entry["id"] == record.id])
    running = site.platform.workloads.observe(site.bundle.project)
    write_json("containers.json", site.platform.workloads.describe(running))
    for container in running.containers:
        if time.monotonic() >= end:
            raise EngineCallFailed(f"it took more than {ENOUGH:g} s to collect it")
        lines = site.platform.workloads.logs(container, _LINES)
        write(f"{running.names[container.id]}.log", "".join(f"{line}\n" for line in lines))
