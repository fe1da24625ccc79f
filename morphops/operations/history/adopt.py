"""`inv history.adopt`: let the history here count."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from morphops.adapters.store.state_folder import Deployment
from morphops.core.env import dotenv
from morphops.core.history import operations
from morphops.core.history.heads import Head
from morphops.core.history.operations import Past, ValuesRecord
from morphops.core.release.digest import digest_of, short
from morphops.core.results.history import Adoption, EngineHead
from morphops.core.stack import Running
from morphops.core.verify import drift
from morphops.errors import IntegrityError, MorphopsError, NotFound, PreconditionError
from morphops.operations.pipeline import inside, prepare, values
from morphops.operations.pipeline.session import Session, demand_reason, exclusive
from morphops.operations.release import find
from morphops.site import Site


@dataclass(frozen=True, slots=True)
class _Taken:
    """A release and a deployment of it that may be what runs.

    Attributes:
        release: its digest.
        deployment: files and values.
        source: where the values come from, in words.
    """

    release: str
    deployment: Deployment
    source: str


def adopt(
    site: Site,
    *,
    reason: str,
    env_file: str = "",
    without_running: bool = False,
    wait: float = 0,
) -> Adoption:
    """Make the history here the one that counts, and take over what runs.

    Args:
        site: where.
        reason: why, for the history; must be given.
        env_file: path of the values that it runs with; empty for the default.
        without_running: adopt the history alone, where the rest cannot be proven.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: without a reason.
        PreconditionError: what runs cannot be taken over; nothing was changed.
    """
    demand_reason(reason, "history.adopt")
    with exclusive(site, "history.adopt", reason=reason, wait=wait, aligned=False) as session:
        running = site.platform.workloads.observe(site.bundle.project)
        broken = _broken(session)
        why = broken or session.mismatch()
        past = Past() if broken else session.history.past()
        known = operations.deployment_of_record(past) or not running.containers
        if not why:
            session.catch_up()
        if not why and known and not operations.incomplete_operation(past):
            return replace(_result(session, "", None, ()), state="as known", changed=False)
        taken: _Taken | None = None
        if running.containers and not without_running:
            next_id = 1 if broken else session.history.next_id()
            taken = _take_over(site, session, running, env_file, next_id)
        aside = _set_aside(session) if broken else ()
        _record(site, session, taken, why, aside, reason)
    return _result(session, why, taken, aside)


def _broken(session: Session) -> str:
    """Why the file itself cannot be trusted; empty where it can."""
    try:
        session.history.records()
    except IntegrityError as err:
        return err.what
    return ""


def _set_aside(session: Session) -> tuple[Path, ...]:
    """Nothing is lost: files that cannot be trusted may still be useful to a person."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return session.history.set_aside(f"broken-{stamp}")


def _record(
    site: Site, session: Session, taken: _Taken | None, why: str, aside: Sequence[Path], reason: str
) -> None:
    subject = why
    if aside:
        names = [f"{path.name}, {digest_of(path.read_bytes())}" for path in aside if path.is_file()]
        names += [path.name for path in aside if path.is_dir()]
        subject = f"{why}; set aside as {'; '.join(names)}"
    set_ = _values(site, taken) if taken else {}
    session.adopt()
    record = session.history.begin(
        "adopt",
        release=taken.release if taken else "",
        deployment=taken.deployment.id if taken else 0,
        values=ValuesRecord(
            dotenv.fingerprint(set_, site.state.key()) if taken else "",
            tuple(set_),
        ),
        subject=subject,
        reason=reason,
    )
    session.history.end(record, "deployed" if taken else "adopted")


def _take_over(
    site: Site, session: Session, running: Running, env_file: str, next_id: int
) -> _Taken:
    """Prove which release runs, with which values.

    Raises:
        PreconditionError: none is proven; with the reason for each that was tried.
    """
    known = session.found.release if session.found else ""
    labelled = sorted({c.release for c in running.containers if c.release})
    tried: list[str] = []
    for digest in dict.fromkeys(filter(None, (known, *labelled))):
        for deployment in _kept(site, digest):
            taken = _Taken(digest, deployment, f"the values of deployment {deployment.id}")
            try:
                if not _differences(site, taken, running):
                    return taken
            except MorphopsError:  # not whole any more; the env file is left
                continue
        try:
            taken = _supplied(site, digest, env_file, running, next_id)
            found = _differences(site, taken, running)
        except MorphopsError as err:
            tried += [f"release {short(digest)}: {err.what}", *(f"  {line}" for line in err.detail)]
            continue
        if not found:
            return taken
        shutil.rmtree(taken.deployment.folder)
        tried += [f"release {short(digest)} with {taken.source}:", *(f"  {line}" for line in found)]
    raise PreconditionError(
        "what runs cannot be taken over: nothing is proven to be what it was created from",
        detail=tuple(tried),
        state="nothing was changed",
        hint="inv history.adopt --reason=… --env-file=<what it was deployed with>; or "
        "--without-running, and then a deploy that fails has no automatic rollback",
    )


def _kept(site: Site, digest: str) -> Iterator[Deployment]:
    """The deployments of a release that lie in the state folder, the newest first."""
    for deployment in reversed(site.state.deployments()):
        if values.belong_to(site, deployment, digest):
            yield deployment


def _supplied(site: Site, digest: str, env_file: str, running: Running, next_id: int) -> _Taken:
    """A release, from the registry where it is not here, with the values of an env file."""
    release = find.find(site, digest)
    if release is None:
        raise NotFound(f"neither the state folder nor {site.bundle.registry} has it")
    env = site.read_env(env_file)
    deployment = site.state.new_deployment(next_id)
    prepared = prepare.prepare(site, release, env, deployment, approved=frozenset())
    prepare.mark(site, prepared, deployment, running)
    return _Taken(digest, deployment, env.source)


def _values(site: Site, taken: _Taken) -> Mapping[str, str]:
    """Those that a person set."""
    bundle, _ = prepare.read_bundle(prepare.stored(site, taken.release))
    return prepare.operator_values(bundle, values.read_values(site, taken.deployment)).values


def _differences(site: Site, taken: _Taken, running: Running) -> tuple[str, ...]:
    """Differences from this deployment, ignoring health."""
    # A history that is not trusted yet approves nothing, and nothing is started here.
    ready = prepare.reopen(site, taken.deployment, taken.release, approved=frozenset())
    workloads = site.platform.workloads
    # Of another state folder the digests of what was created cannot be compared with ours.
    found = (
        *drift.compare(ready.release, ready.services, running, workloads.launch_configs(running)),
        *inside.differences(ready, workloads, running),
    )
    return tuple(f"{d.subject}: {d.what}" for d in found if d.kind != "unhealthy")


def _result(session: Session, why: str, taken: _Taken | None, aside: Sequence[Path]) -> Adoption:
    head = session.found or Head()
    return Adoption(
        state="adopted",
        changed=True,
        why=why,
        release=taken.release if taken else "",
        values=taken.source if taken else "",
        set_aside=", ".join(map(str, aside)),
        engine=EngineHead(
            entries=head.seq, release=head.release, operation=head.operation, step=head.step
        ),
    )
