"""Use cases about the machine: host.check and host.setup."""

from __future__ import annotations

from collections.abc import Mapping

from morphops.core.host.requirements import Needs, Row, judge
from morphops.core.results.check import CheckFinding
from morphops.core.results.host import HostCheck, HostSetup
from morphops.errors import InputError, PreconditionError
from morphops.operations.env.schema import read_schema
from morphops.site import Site


def check(site: Site) -> HostCheck:
    """Compare what the machine offers with what the stack needs; exit code 3 with findings.

    Raises:
        ConfigError: the bundle's env schema is wrong.
    """
    needs = Needs(
        project=site.bundle.project,
        state=site.state.root,
        ports=bound_ports(site),
        registry=site.bundle.registry,
    )
    rows = judge(site.host.observe(needs), needs)
    findings = tuple(_finding(row) for row in rows if not row.ok)
    ready = not findings
    return HostCheck(
        state="ready" if ready else "not ready",
        exit=0 if ready else PreconditionError.EXIT,
        findings=findings,
        next="" if ready else "fix what is named, then inv host.check",
        ready=ready,
        rows=tuple(rows),
    )


def _finding(row: Row) -> CheckFinding:
    return CheckFinding(
        what=row.found,
        remedy=row.remedy,
        rule="requirement",
        subjects=(row.name,),
        text="; ".join(filter(None, (f"{row.name}: {row.found}", row.remedy))),
    )


def setup(site: Site) -> HostSetup:
    """Install and start what is missing."""
    done = site.host.set_up(site.observer.note)
    for line in done:
        site.observer.note(line)
    return HostSetup(done=tuple(done))


def bound_ports(site: Site) -> tuple[tuple[str, int], ...]:
    """Returns the address and number of each host port that the stack will bind.

    They come from the env file, or from the defaults of its schema.
    """
    schema = read_schema(site)
    values: Mapping[str, str] = {}
    try:
        values = site.read_env().values
    except (InputError, OSError):
        # Not written yet, not right yet or not ours: here the defaults will do.
        pass
    ports = []
    for name, variable in schema.variables.items():
        if not variable.binds:
            continue
        port = values.get(name) or variable.default
        address = values.get(variable.binds) or schema.variables[variable.binds].default
        if port.isdigit():
            ports.append((address, int(port)))
    return tuple(ports)
