"""`inv prune`: remove what no release that is kept needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from morphops.adapters.store import copies
from morphops.adapters.store.release_layout import is_complete
from morphops.core.history import operations, recovery, retention
from morphops.core.history.retention import Garbage, Inventory, Kept
from morphops.core.results.prune import Prune
from morphops.errors import LockLost, MorphopsError
from morphops.operations.image import built_here
from morphops.operations.image.base import unused_bases
from morphops.operations.pipeline import beside
from morphops.operations.pipeline.session import demand_reason, exclusive
from morphops.operations.prune import removal
from morphops.operations.release import create
from morphops.operations.release.find import stored_releases
from morphops.operations.release.kept import kept_roots
from morphops.site import Site


def prune(
    site: Site,
    *,
    keep: int | None = None,
    apply: bool,
    build_cache: bool,
    reason: str = "",
    wait: float = 0,
) -> Prune:
    """Remove what no release that is kept needs; without `apply`, only say what that is.

    Args:
        site: where.
        keep: how many of the last healthy releases stay, the one of record included, at least
            1; None for what the bundle says.
        apply: do it.
        build_cache: also what builds have cached and not used for a week; of everybody here.
        reason: why, for the history; must be given with `apply`.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: there is no reason.
        EngineUnavailable: no engine answers.
        LockLost: another operator has the lock; its state says what was removed before.
    """
    keep = site.bundle.retention.keep if keep is None else keep
    if not apply:
        kept, gone = _decide(site, keep)
        return _result(site, kept, gone, _copies(site, gone.deployments))
    demand_reason(reason, "prune --apply")
    with exclusive(site, "prune", reason=reason, wait=wait) as session:
        recovery.refuse(session.history.past())
        kept, gone = _decide(site, keep)
        before = site.platform.images.disk_use()
        record = session.history.begin("prune", reason=reason)
        work = removal.Removal(site, session, record)
        try:
            with session.signals.shield():  # it finishes the removal that it began
                # Images first: a release whose files are here can be pulled again.
                work.containers(gone.containers)
                work.references(gone.references)
                work.untagged(gone.untagged)
                # That takes minutes, and what is stored here may be needed by now.
                kept, now = _decide(site, keep)
                gone = replace(
                    gone,
                    releases=tuple(r for r in gone.releases if r in now.releases),
                    deployments=tuple(d for d in gone.deployments if d in now.deployments),
                )
                work.releases(gone.releases)
                work.deployments(gone.deployments)
                unused = _copies(site, gone.deployments)
                work.copies(unused)
                work.bases([path for path in unused_bases(site) if path.name in gone.bases])
                work.leftovers()
                built_here.forget(site, {i.id for i in site.platform.images.inventory()})
                if build_cache:
                    work.build_cache()
                after = site.platform.images.disk_use()
                session.history.end(record, "pruned")
        except MorphopsError as err:
            hint = err.hint or "inv prune   (says what is left)"
            if isinstance(err, LockLost):
                hint = "inv lock.status; inv prune   (says what is left)"
            else:
                # What failed is what the caller has to know, not that it could not be written too.
                with suppress(MorphopsError):
                    session.history.end(record, "failed", err.what)
            raise err.with_(state=work.state, hint=hint) from None
    freed = work.freed + sum(max(0, before[what] - after[what]) for what in before)
    refused = tuple(work.refused)
    done = _result(site, kept, gone, unused)
    return replace(done, state="pruned", freed=freed, refused=refused)


def _decide(site: Site, keep: int) -> tuple[dict[str, tuple[str, ...]], Garbage]:
    records = site.history.records()
    kept = kept_roots(site, keep)
    there = Inventory(
        images=site.platform.images.inventory(),
        releases=site.state.releases(),
        deployments=[deployment.id for deployment in site.state.deployments()],
        containers=site.platform.workloads.observe(site.bundle.project).containers,
    )
    needed = Kept(
        project=site.bundle.project,
        repositories=site.bundle.own_repositories,
        services=site.bundle.services,
        releases={digest: stored_releases(site, digest) for digest in kept},
        built=set(create.last_build(site).values()),
        deployments=retention.needed_deployments(records, kept),
        built_here=built_here.known(site),
    )
    gone = retention.garbage(there, needed)
    files = [site.state.release(digest) for digest in gone.releases]
    files += [site.state.deployment(number).folder for number in gone.deployments]
    bases = unused_bases(site)
    at_most = gone.at_most + sum(map(removal.size, (*files, *bases)))
    return kept, replace(gone, at_most=at_most, bases=tuple(path.name for path in bases))


def _copies(site: Site, gone: Collection[int]) -> tuple[Path, ...]:
    """The copies of carried files that no deployment needs that stays, and no container mounts."""
    stay = [one for one in site.state.deployments() if one.id not in gone]
    used = {place.where for one in stay for place in beside.recorded(one)}
    workloads = site.platform.workloads
    if not site.state.carried.is_dir():
        return ()
    shapes = workloads.launch_configs(workloads.observe(site.bundle.project))
    used |= {outside for shape in shapes.values() for _, outside, _ in shape.mounts}
    return copies.unused(site.state.carried.absolute(), used)


def _result(
    site: Site, kept: dict[str, tuple[str, ...]], gone: Garbage, unused: Sequence[Path]
) -> Prune:
    return Prune(
        state="planned",
        project=site.bundle.project,
        kept=kept,
        rollback=_rollback_target(site),
        references=tuple(gone.references),
        nameless=tuple(gone.untagged),
        releases=tuple(gone.releases),
        deployments=tuple(gone.deployments),
        copies=tuple(map(str, unused)),
        containers=tuple(container[:12] for container in gone.containers),
        bases=gone.bases,
        at_most=gone.at_most,
        nothing=gone.empty and not unused,
    )


def _rollback_target(site: Site) -> str:
    """The release that `inv rollback` goes to; a root, so nothing here takes it away."""
    target = operations.rollback_target(site.history.past())
    there = target is not None and is_complete(site.state.release(target.release))
    return target.release if target is not None and there else ""
