"""`inv run`: a command in a container of its own, with the values of the release of record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from morphops.core.history import recovery
from morphops.core.plan.steps import Pull
from morphops.core.requests import CommandEnd, CommandRequest
from morphops.core.results.command import CommandResult
from morphops.core.stack import Service
from morphops.errors import PreconditionError
from morphops.operations.pipeline import execute as execute_steps
from morphops.operations.pipeline import of_record
from morphops.operations.pipeline.of_record import OfRecord
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def run(
    site: Site,
    service: str,
    words: Sequence[str],
    *,
    reason: str = "",
    wait: float = 0,
    attached: bool = True,
) -> CommandResult:
    """Run a command in a container of its own, with the files and values of the release of record.

    It has the service's image, environment, networks and volumes, and no ports. It is removed at
    its end. A service that only a profile switches on can be named as well. The lock is held
    meanwhile. The history says that it ran, without its arguments: a secret may stand in them.

    Args:
        site: where.
        service: whose container it is like.
        words: the program and its arguments.
        reason: why, for the history.
        wait: seconds to wait for another operation to end.
        attached: see `execute`.

    Raises:
        InputError: there is no such service, or no command.
        PreconditionError: there is no release of record, or an operation is incomplete.
    """
    with exclusive(site, f"run {service}", reason=reason, wait=wait) as session:
        past = session.history.past()
        recovery.refuse(past)
        there = of_record.opened(site, past)
        every = _with_every_profile(site, there)
        (name,) = there.named([service] if service else [], "run", every)
        of_record.refuse_no_command(words, f"inv run {name} -- COMMAND …")
        _fetch(site, there, every[name])
        record = there.begin(session, "run", subject=name, reason=reason)
        session.history.step(record, f"run {words[0]} beside {name}", touches=False)
        request = CommandRequest(words=tuple(words), attached=attached)
        end: CommandEnd | None = None
        try:
            # A Ctrl-C at the terminal reaches the command itself, and its end is waited for.
            with session.signals.shield():
                end = site.platform.workloads.run_beside(there.prepared.stack, name, request)
        finally:
            code = f"exit code {end.exit_code}" if end and end.exit_code else ""
            error = code if end else "it could not be begun"
            session.history.end(record, "failed" if error else "done", error)
            session.signals.acknowledge()
        return CommandResult(
            exit=end.exit_code,
            service=name,
            release=there.record.release,
            operation=record.id,
            lines=end.lines,
        )


def _with_every_profile(site: Site, there: OfRecord) -> Mapping[str, Service]:
    """The services of the release, those that no active profile switches on included."""
    stack = replace(there.prepared.stack, profiles=("*",))
    return site.platform.workloads.render(stack)


def _fetch(site: Site, there: OfRecord, service: Service) -> None:
    """Have the image of a service here, as the release recorded it.

    Raises:
        PreconditionError: it is no image of the release, or cannot be had.
    """
    release, bundle = there.prepared.release, there.prepared.bundle
    for image in release.images:
        if str(image.ref) == service.image:
            step = Pull(image, release.digest, bundle.pull.stalled_after)
            execute_steps.pull(step, site.platform.images, bundle.project, site.observer)
            return
    raise PreconditionError(
        f"release {release.short} has no image for {service.name}: {service.image or 'none'}",
        state="nothing was changed",
        hint="name its image by a variable of the bundle; then a new release",
    )
