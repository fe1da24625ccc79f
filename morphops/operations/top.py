"""`inv top`: what containers use, how often they were restarted, and their last health check."""

from __future__ import annotations

from morphops.core.results.top import Top, TopRow
from morphops.core.stack import Instance, Usage
from morphops.site import Site


def top(site: Site) -> Top:
    """Look once at what each container of the project uses.

    Raises:
        EngineUnavailable, EngineCallFailed: the engine does not say.
    """
    workloads = site.platform.workloads
    running = workloads.observe(site.bundle.project)
    usage = workloads.usage(running)
    rows = [_row(c, running.names[c.id], usage.get(c.id, Usage())) for c in running.containers]
    return Top(
        state="ok" if rows else "down",
        project=site.bundle.project,
        containers=tuple(sorted(rows, key=lambda row: (-row.cpu, row.name))),
    )


def _row(container: Instance, name: str, usage: Usage) -> TopRow:
    last = container.checks[-1] if container.checks else None
    return TopRow(
        service=container.service,
        name=name,
        state=container.state,
        health="" if container.health == "none" else container.health,
        restarts=container.restarts,
        cpu=usage.cpu,
        memory=usage.memory,
        memory_limit=usage.memory_limit,
        processes=usage.processes,
        checked=last.at if last else "",
        check_exit=last.exit_code if last else 0,
    )
