"""Use cases around what is kept: prune, release.list, release.show, release.pin, release.unpin."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from morphops import journal, plan, recovery, retention
from morphops.app import releases, scene
from morphops.app.exclusive import demand_reason, exclusive
from morphops.app.removing import Removal
from morphops.app.site import Site
from morphops.docker import sweeping
from morphops.errors import InputError, LockLost, MorphopsError, PreconditionError
from morphops.history import user
from morphops.layout import is_complete
from morphops.model import Release, canonical_json, is_digest, parse_digest
from morphops.retention import Sweep
from morphops.state import read_table


def prune(
    site: Site,
    *,
    keep: int | None = None,
    apply: bool,
    build_cache: bool,
    reason: str = "",
    wait: float = 0,
) -> dict[str, Any]:
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
        LockLost: somebody else has the lock; its state says what was removed before.
    """
    keep = site.bundle.retention.keep if keep is None else keep
    if not apply:
        return _view(site, *_decide(site, keep), state="planned")
    demand_reason(reason, "prune --apply")
    with exclusive(site, "prune", reason=reason, wait=wait) as session:
        recovery.refuse(site.history.records())
        kept, gone = _decide(site, keep)
        before = sweeping.sizes(site.docker)
        record = session.history.begin("prune", reason=reason)
        removal = Removal(site, session, record)
        try:
            with session.signals.deferred():  # what it is at it finishes
                # Images first: a release whose files are here can be pulled again.
                removal.containers(gone.containers)
                removal.references(gone.references)
                removal.nameless(gone.nameless)
                # That takes minutes, and what is stored here may be needed by now.
                kept, now = _decide(site, keep)
                gone = replace(
                    gone,
                    releases=tuple(r for r in gone.releases if r in now.releases),
                    deployments=tuple(d for d in gone.deployments if d in now.deployments),
                )
                removal.releases(gone.releases)
                removal.deployments(gone.deployments)
                removal.leftovers()
                if build_cache:
                    removal.build_cache()
                after = sweeping.sizes(site.docker)
                session.history.end(record, "pruned")
        except MorphopsError as err:
            err.state, err.hint = removal.state, err.hint or "inv prune   (says what is left)"
            if isinstance(err, LockLost):
                err.hint = "inv lock.status; inv prune   (says what is left)"
            else:
                # What failed is what the caller has to know, not that it could not be written too.
                with suppress(MorphopsError):
                    session.history.end(record, "failed", err.what)
            raise
    freed = removal.freed + sum(max(0, before[what] - after[what]) for what in before)
    view = _view(site, kept, gone, state="pruned")
    return {**view, "freed": freed, "refused": removal.refused}


def list_releases(site: Site) -> dict[str, Any]:
    """Every release that is stored here, the last used one last, each with what keeps it."""
    pins, kept = _pins(site), _roots(site, site.bundle.retention.keep)
    rows = [
        {
            **row,
            "pinned": pins.get(row["release"], {}).get("reason", ""),
            "kept_by": list(kept.get(row["release"], ())),
        }
        for row in releases.known(site)
    ]
    return {"releases": rows}


def show(site: Site, digest: str) -> dict[str, Any]:
    """A release: images, files, labels, what was done with it, and what keeps it.

    One that is not stored here is looked at in the registry, and is not stored by that.

    Raises:
        InputError, NotFound: there is no such release.
    """
    full = _full(site, digest)
    release = releases.find(site, full, store=False)
    if release is None:
        raise _not_here(digest)
    return {
        **releases.as_json(release),
        "stored": is_complete(site.state.release(full)),
        "kept_by": list(_roots(site, site.bundle.retention.keep).get(full, ())),
        "operations": [
            record.as_json() for record in site.history.records() if record.release == full
        ],
    }


def pin(site: Site, digest: str, *, reason: str) -> dict[str, Any]:
    """Keep a release whatever `prune` is told; once more, for another reason.

    Raises:
        PreconditionError: it is not stored here, or not with all of its images.
    """
    with exclusive(site, "release.pin", reason=reason, aligned=False):
        full = _full(site, digest)
        if not is_complete(site.state.release(full)):
            raise _not_here(digest)
        _hold(site, scene.stored(site, full))
        pins = _pins(site)
        before = pins.get(full, {})
        changed = not before or reason not in ("", before.get("reason"))
        if changed:
            pins[full] = {"reason": reason or "pinned", "user": user()}
            site.state.write(_pin_file(site), canonical_json(pins))
    return {
        "state": "pinned",
        "release": full,
        "reason": pins[full].get("reason", ""),
        "changed": changed,
    }


def unpin(site: Site, digest: str) -> dict[str, Any]:
    """Leave a release to `prune` again."""
    with exclusive(site, "release.unpin", aligned=False):
        full = _full(site, digest)
        pins = _pins(site)
        changed = pins.pop(full, None) is not None
        if changed:
            site.state.write(_pin_file(site), canonical_json(pins))
    return {"state": "not pinned", "release": full, "changed": changed}


def _decide(site: Site, keep: int) -> tuple[dict[str, tuple[str, ...]], Sweep]:
    records = site.history.records()
    kept = _roots(site, keep)
    gone = retention.sweep(
        project=site.bundle.project,
        prefix=plan.local_tag(site.bundle.project, "", "").partition(":")[0],
        repositories={site.bundle.repository(name) for name in site.bundle.images},
        kept={digest: _stored(site, digest) for digest in kept},
        built=set(releases.last_build(site).values()),
        images=sweeping.images(site.docker),
        stored=site.state.releases(),
        deployments=[deployment.id for deployment in site.state.deployments()],
        needed=retention.needed_deployments(records, kept),
        containers=site.target.observe(site.bundle.project).containers,
        services={name for wave in site.bundle.waves for name in wave.services},
    )
    return kept, gone


def _roots(site: Site, keep: int) -> dict[str, tuple[str, ...]]:
    records = site.history.records()
    # An unchanged service still names the release that created it, which nobody needs any more; but
    # where the history is lost, such names are all that is known.
    unknown = journal.of_record(records) is None
    running = site.target.observe(site.bundle.project).containers if unknown else ()
    used = {record.release for record in records}
    last = max((record.deployment for record in records), default=0)
    newest = site.state.deployment(last).folder
    waiting = {
        digest
        for digest in site.state.releases()
        if digest not in used and _since(site.state.release(digest), newest)
    }
    return retention.roots(
        records,
        keep=keep,
        pinned=_pins(site).keys(),
        running={c.release for c in running if c.release},
        waiting=waiting,
    )


def _since(release: Path, deployment: Path) -> bool:
    """Whether a release came here after a deployment was made; both are written once."""
    if not deployment.exists():
        return True
    return release.stat().st_mtime >= deployment.stat().st_mtime


def _view(
    site: Site, kept: dict[str, tuple[str, ...]], gone: Sweep, *, state: str
) -> dict[str, Any]:
    return {
        "state": state,
        "project": site.bundle.project,
        "kept": {digest: list(reasons) for digest, reasons in kept.items()},
        "rollback": _way_back(site),
        "references": list(gone.references),
        "nameless": list(gone.nameless),
        "releases": list(gone.releases),
        "deployments": list(gone.deployments),
        "containers": [container[:12] for container in gone.containers],
        "at_most": gone.at_most,
        "nothing": gone.empty,
    }


def _way_back(site: Site) -> str:
    """The release that `inv rollback` goes to; a root, so nothing here takes it away."""
    target = journal.rollback_target(site.history.records())
    there = target is not None and is_complete(site.state.release(target.release))
    return target.release if target is not None and there else ""


def _stored(site: Site, digest: str) -> Release | None:
    try:
        return scene.stored(site, digest)
    except PreconditionError:
        return None


def _full(site: Site, digest: str) -> str:
    if is_digest(digest):
        return digest
    if found := releases.beginning(site.state.releases(), digest):
        return found
    if digest.startswith("sha256:"):
        return parse_digest(digest, "release digest", hint="inv release.list")
    raise InputError(
        f"no release that is stored here begins with {digest!r} (12 digits at least)",
        state="nothing was changed",
        hint="inv release.list",
    )


def _hold(site: Site, release: Release) -> None:
    """Hold the images of a release, so that a cleanup by others does not take what was pinned."""
    missing = [image.name for image in release.images if not site.target.has(image)]
    if missing:
        raise PreconditionError(
            f"release {release.short} is stored here without its images "
            f"(missing: {', '.join(missing)}), so that to pin it would keep nothing",
            state="nothing was changed",
            hint=f"inv pull --image={release.digest}; then the same command again",
        )
    for image in release.images:
        site.target.hold(image, plan.local_tag(release.project, image.name, release.digest))


def _not_here(digest: str) -> PreconditionError:
    return PreconditionError(
        f"release {digest} is not stored here",
        state="nothing was changed",
        hint="inv release.list; inv pull --image=sha256:<release>",
    )


def _pin_file(site: Site) -> Path:
    return site.state.root / "pins.json"


def _pins(site: Site) -> dict[str, dict[str, str]]:
    # Without knowing what is pinned nothing may be removed.
    return read_table(_pin_file(site), hint="restore it, or remove it and pin again")
