"""`inv logs`."""

from __future__ import annotations

from morphops.core.history import operations
from morphops.core.results.logs import Logs
from morphops.errors import InputError, MorphopsError, PreconditionError
from morphops.operations.pipeline import prepare, secrets
from morphops.site import Site


def logs(site: Site, service: str, tail: int) -> Logs:
    """Return the last log lines, redacted.

    Raises:
        InputError: there is no such service.
    """
    secrets.learn_secrets(site)
    _must_know_secrets(site)
    running = site.platform.workloads.observe(site.bundle.project)
    if service and not running.of(service):
        there = ", ".join(running.services) or "none"
        raise InputError(f"no service {service!r} is there (there are: {there})")
    lines: dict[str, list[str]] = {}
    for container in running.containers:
        if service in ("", container.service):
            name = running.names[container.id]
            # Of several in one service each line says which.
            which = "" if name == container.service else f"{name} | "
            said = (f"{which}{line}" for line in site.platform.workloads.logs(container, tail))
            lines.setdefault(container.service, []).extend(said)
    return Logs(logs={name: tuple(said) for name, said in lines.items()})


def _must_know_secrets(site: Site) -> None:
    """Log lines are redacted with the values that what runs was started with."""
    record = operations.deployment_of_record(site.history.past())
    if record is not None:
        try:
            prepare.reopen(site, site.state.deployment(record.deployment), record.release)
        except MorphopsError as err:
            raise PreconditionError(
                f"the logs cannot be redacted, so they are not shown: {err.what}", hint=err.hint
            ) from None
