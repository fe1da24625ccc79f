"""`inv exec`: a command inside of a container that runs."""

from __future__ import annotations

from collections.abc import Sequence

from morphops.core.requests import CommandRequest
from morphops.core.results.command import CommandResult
from morphops.operations.pipeline import of_record, secrets
from morphops.site import Site


def execute(
    site: Site, service: str, words: Sequence[str], *, index: int = 1, attached: bool = True
) -> CommandResult:
    """Run a command inside of a container that runs. Takes no lock, and stands in no history.

    Args:
        site: where.
        service: whose container.
        words: the program and its arguments.
        index: which container of several, from 1.
        attached: joined to our standard streams; else what it writes is kept, redacted.

    Raises:
        InputError: there is no such service, or no command.
        PreconditionError: its container does not run.
    """
    secrets.learn_secrets(site)
    there = of_record.opened(site, site.history.past())
    (name,) = there.named([service] if service else [], "exec")
    of_record.refuse_no_command(words, f"inv exec {name} -- COMMAND …")
    container = there.container(name, index)
    request = CommandRequest(words=tuple(words), attached=attached)
    end = site.platform.workloads.execute(container, request)
    return CommandResult(
        exit=end.exit_code,
        service=name,
        container=there.running.names[container.id],
        release=there.record.release,
        lines=end.lines,
    )
