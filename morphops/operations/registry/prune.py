"""`inv registry.prune`: what no kept release needs leaves the registry, too."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from morphops.core.history import recovery, registry_garbage
from morphops.core.history.registry_garbage import Leaving
from morphops.core.release.digest import short
from morphops.core.release.release import Release
from morphops.core.results.registry import RegistryPrune
from morphops.errors import LockLost, MorphopsError, NotFound, OtherKind
from morphops.operations.pipeline.operation import HistoryLog
from morphops.operations.pipeline.session import Session, demand_reason, exclusive
from morphops.operations.registry.local import is_local, local_name
from morphops.operations.release import create
from morphops.operations.release.find import stored_releases
from morphops.operations.release.kept import kept_roots
from morphops.site import Site


def prune(
    site: Site, *, keep: int | None = None, apply: bool, reason: str = "", wait: float = 0
) -> RegistryPrune:
    """Remove from the registry what no kept release needs; without `apply`, only say what that is.

    The roots are those of `prune`. Where the registry is on this machine, its space is freed.

    Args:
        site: where.
        keep: how many of the last healthy releases stay; None for what the bundle says.
        apply: do it.
        reason: why, for the history; must be given with `apply`.
        wait: seconds to wait for another operation to end.

    Raises:
        InputError: there is no reason.
        RegistryError: the registry does not answer, or lets nothing be removed.
        EngineUnavailable: no engine answers.
        LockLost: another operator has the lock; its state says what was removed before.
    """
    keep = site.bundle.retention.keep if keep is None else keep
    site.registry.ping()
    if not apply:
        kept = kept_roots(site, keep)
        return _result(site, kept, _decide(site, kept))
    demand_reason(reason, "registry.prune --apply")
    with exclusive(site, "registry.prune", reason=reason, wait=wait) as session:
        recovery.refuse(session.history.past())
        kept = kept_roots(site, keep)
        found = _decide(site, kept)
        result = _result(site, kept, found)
        freed = _remove(site, session, found, reason)
    return replace(result, state="pruned", freed=freed)


def _remove(site: Site, session: Session, found: Leaving, reason: str) -> int:
    """Remove it, and return the bytes that it freed."""
    record = session.history.begin("prune", reason=reason)
    log = HistoryLog(session.history, record)
    removed, freed, begun = 0, 0, time.monotonic()
    try:
        with session.signals.shield():  # it finishes the removal that it began
            log.begin(f"remove manifests from the registry ({len(found.manifests)})", touches=False)
            for one in found.manifests:
                session.check()
                site.registry.remove(one.repository, one.digest)
                removed += 1
            log.end("ok", time.monotonic() - begun)
            if is_local(site.bundle.registry):
                begun = time.monotonic()
                log.begin("free the space in the registry", touches=False)
                freed = site.local_registry.collect(name=local_name(site))
                log.end("ok", time.monotonic() - begun)
            session.history.end(record, "pruned")
    except MorphopsError as err:
        if not isinstance(err, LockLost):  # else the history is the new holder's
            with suppress(MorphopsError):
                log.end("failed", time.monotonic() - begun)
                session.history.end(record, "failed", err.what)
        state = f"removed before that: {removed} of {len(found.manifests)}; everything else stays"
        hint = err.hint or "inv registry.prune   (says what is left)"
        raise err.with_(state=state, hint=hint) from None
    return freed


def _decide(site: Site, kept: Mapping[str, tuple[str, ...]]) -> Leaving:
    bundle = site.bundle
    repositories = {
        bundle.releases,
        *(i.repository for i in bundle.images.values() if i.repository),
    }
    tags = {name: site.registry.tags(name) for name in sorted(repositories)}
    built = create.last_build(site).values()
    return registry_garbage.leaving(
        tags,
        at=bundle.releases,
        known=_known(site, tags[bundle.releases]),
        kept=kept.keys(),
        built={reference.rpartition("@")[2] for reference in built},
    )


def _known(site: Site, tags: Mapping[str, str]) -> dict[str, Release | None]:
    """The releases that are stored here, or stand in the history and in the registry."""
    stored = {digest: stored_releases(site, digest) for digest in site.state.releases()}
    used = {record.release for record in site.history.records()} - stored.keys()
    there = {digest for tag, digest in tags.items() if tag == short(digest)}
    return {**stored, **{digest: _pulled(site, digest) for digest in sorted(used & there)}}


def _pulled(site: Site, digest: str) -> Release | None:
    """A release whose files are not here any more."""
    try:
        return site.registry.pull_release(site.bundle.releases, digest)
    except (NotFound, OtherKind):
        return None


def _result(site: Site, kept: Mapping[str, tuple[str, ...]], found: Leaving) -> RegistryPrune:
    return RegistryPrune(
        state="planned",
        address=site.bundle.registry,
        kept=kept,
        releases=found.releases,
        manifests=tuple(map(str, found.manifests)),
        unknown=found.unknown,
        nothing=not found.manifests,
        local=is_local(site.bundle.registry),
    )
