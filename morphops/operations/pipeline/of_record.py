"""The release of record, and its services by the names that a person types."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from morphops.core.history import operations
from morphops.core.history.operations import Kind, Past, Record, ValuesRecord
from morphops.core.nearest import nearest
from morphops.core.stack import Instance, Running
from morphops.errors import InputError, PreconditionError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.prepare import PreparedRelease
from morphops.operations.pipeline.session import Session
from morphops.site import Site


@dataclass(frozen=True, slots=True)
class OfRecord:
    """What runs by right.

    Attributes:
        record: the operation that brought it.
        prepared: its files and values.
        running: what is there.
    """

    record: Record
    prepared: PreparedRelease
    running: Running

    def named(
        self, services: Sequence[str], task: str, also: Collection[str] = ()
    ) -> tuple[str, ...]:
        """Services by name, each once, in the order of the waves.

        Args:
            services: as they were typed.
            task: for what to type next.
            also: more names that may be typed.

        Raises:
            InputError: none is named, or the release has no such service.
        """
        there = (*self.in_order, *(name for name in also if name not in self.in_order))
        if not services:
            raise InputError(
                f"name a service (there are: {', '.join(there)})",
                state="nothing was changed",
                hint=f"inv {task} {there[0] if there else 'SERVICE'}",
            )
        for name in services:
            if name not in there:
                raise InputError(
                    f"release {self.prepared.release.short} has no service {name!r} "
                    f"(there are: {', '.join(there)})",
                    state="nothing was changed",
                    hint=f"inv {task} {nearest(name, there) or 'SERVICE'}",
                )
        return tuple(name for name in there if name in services)

    def staying(self, services: Sequence[str], task: str) -> tuple[str, ...]:
        """The same, for what is done to services that stay up; a job ran to its end.

        Args:
            services: as they were typed.
            task: for what to type next.

        Raises:
            InputError: as of `named`; or one is a job.
        """
        names = self.named(services, task)
        if jobs := [name for name in names if self.prepared.services[name].job]:
            raise InputError(
                f"{jobs[0]} is a job: it runs to its end with a deploy, and does not stay up",
                state="nothing was changed",
                hint=f"inv deploy --image={self.record.release} --run-job={jobs[0]}   "
                "(runs it once more)",
            )
        return names

    def begin(
        self, session: Session, kind: Kind, *, plan: str = "", subject: str = "", reason: str
    ) -> Record:
        """Announce an operation that keeps its files and values.

        Args:
            session: what it runs in; from now on signals are held.
            kind: of the operation.
            plan: digest of its plan, where it has one.
            subject: the services that it is about.
            reason: why, for the history.

        Raises:
            LockLost, PreconditionError: it cannot be announced.
        """
        session.signals.mask()
        return session.history.begin(
            kind,
            release=self.record.release,
            deployment=self.record.deployment,
            values=ValuesRecord(self.record.fingerprint),
            plan=plan,
            subject=subject,
            reason=reason,
        )

    @property
    def in_order(self) -> tuple[str, ...]:
        """The services of the release, in the order of the waves."""
        waves = self.prepared.bundle.waves
        return tuple(n for wave in waves for n in wave.services if n in self.prepared.services)

    def container(self, service: str, index: int) -> Instance:
        """A container of a service that runs.

        Args:
            service: its name.
            index: which of several, from 1.

        Raises:
            PreconditionError: it does not run.
        """
        there = sorted(self.running.of(service), key=lambda c: c.replica_index)
        found = [c for c in there if c.state == "running" and c.replica_index == index]
        if found:
            return found[0]
        which = service if len(there) < 2 else f"{service}-{index}"
        states = ", ".join(f"{self.running.names[c.id]} is {c.state}" for c in there)
        raise PreconditionError(
            f"{which} does not run" + (f": {states}" if states else ""),
            state="nothing was changed",
            hint=f"inv status; inv up --reason=…; or, in a container of its own: inv run {service}",
        )


def opened(site: Site, past: Past, *, same_data: bool = False) -> OfRecord:
    """Returns the release of record with its files and values, and what is there.

    Args:
        site: where.
        past: the history.
        same_data: see `prepare.reopen`.

    Raises:
        PreconditionError: there is none, or its data was replaced.
    """
    record = operations.deployment_of_record(past)
    if record is None:
        raise PreconditionError(
            "there is no release of record here",
            state="nothing was changed",
            hint="inv deploy --image=sha256:<release>",
        )
    deployment = site.state.deployment(record.deployment)
    prepared = prepare.reopen(site, deployment, record.release, same_data=same_data)
    return OfRecord(record, prepared, site.platform.workloads.observe(site.bundle.project))


def refuse_no_command(words: Sequence[str], hint: str) -> None:
    """Refuse to run nothing.

    Args:
        words: the command.
        hint: what to type instead.

    Raises:
        InputError: there are no words.
    """
    if not words:
        raise InputError(
            "name a command after --: nothing is run without one",
            state="nothing was changed",
            hint=hint,
        )
