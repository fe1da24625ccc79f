"""Use cases around what is kept: prune, release.list, release.show, release.pin, release.unpin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from morphops import journal, plan, retention
from morphops.app import releases, scene
from morphops.app.site import Site
from morphops.docker import sweeping
from morphops.engine import Signals
from morphops.errors import InputError, MorphopsError, PreconditionError
from morphops.layout import is_complete
from morphops.model import Release, canonical_json, is_digest, parse_digest, short
from morphops.retention import Sweep

_CACHE_HOURS = 168


def prune(
    site: Site, *, keep: int, apply: bool, build_cache: bool, reason: str = ""
) -> dict[str, Any]:
    """Remove what no release that is kept needs; without `apply`, only say what that is.

    Args:
        site: where.
        keep: how many of the last healthy releases stay, the one of record included.
        apply: do it.
        build_cache: also what builds have cached and not used for a week; of everybody here.
        reason: why, for the history.

    Raises:
        InputError: `keep` is less than 1.
        EngineUnavailable: no engine answers.
    """
    if keep < 1:
        raise InputError("--keep is at least 1: the release of record always stays")
    if not apply:
        return _view(site, *_decide(site, keep), state="planned")
    signals = Signals()
    with journal.lock(site.lock, "prune"), signals.handled():
        kept, gone = _decide(site, keep)
        before = sweeping.sizes(site.docker)
        record = site.history.begin(
            "prune", release="", deployment=0, fingerprint="", reason=reason
        )
        try:
            with signals.shielded():
                refused, freed = _apply(site, gone)
                if build_cache:
                    sweeping.prune_build_cache(site.docker, _CACHE_HOURS)
        except MorphopsError as err:
            site.history.end(record, "failed", err.what)
            raise
        site.history.end(record, "pruned")
        after = sweeping.sizes(site.docker)
    freed += sum(max(0, before[what] - after[what]) for what in before)
    return {**_view(site, kept, gone, state="pruned"), "freed": freed, "refused": list(refused)}


def list_releases(site: Site) -> dict[str, Any]:
    """Every release that is stored here, the last used one last, each with what keeps it."""
    pins, kept = _pins(site), _roots(site, 3)
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

    Raises:
        InputError, NotFound: there is no such release.
    """
    full = _full(site, digest)
    release = releases.find(site, full)
    if release is None:
        raise _not_here(digest)
    return {
        **releases.as_json(release),
        "kept_by": list(_roots(site, 3).get(full, ())),
        "operations": [
            record.as_json() for record in site.history.records() if record.release == full
        ],
    }


def pin(site: Site, digest: str, *, reason: str) -> dict[str, Any]:
    """Keep a release whatever `prune` is told.

    Raises:
        PreconditionError: it is not stored here.
    """
    with journal.lock(site.lock, "release.pin"):
        full = _full(site, digest)
        if not is_complete(site.state.release(full)):
            raise _not_here(digest)
        pins = _pins(site)
        changed = full not in pins
        pins.setdefault(full, {"reason": reason or "pinned", "user": journal.user()})
        site.state.write(_pin_file(site), canonical_json(pins))
    return {"state": "pinned", "release": full, "changed": changed}


def unpin(site: Site, digest: str) -> dict[str, Any]:
    """Leave a release to `prune` again."""
    with journal.lock(site.lock, "release.unpin"):
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
        prefix=plan.local_tag(site.bundle.project, "", "").partition(":")[0],
        repositories={site.bundle.repository(name) for name in site.bundle.images},
        kept={digest: _stored(site, digest) for digest in kept},
        built=set(releases.last_build(site).values()),
        images=sweeping.images(site.docker),
        stored=site.state.releases(),
        deployments=_deployments(site),
        needed=retention.needed_deployments(records, kept),
    )
    return kept, gone


def _roots(site: Site, keep: int) -> dict[str, tuple[str, ...]]:
    records = site.history.records()
    # An unchanged service still names the release that created it, which nobody needs any more; but
    # where the history is lost, such names are all that is known.
    unknown = journal.of_record(records) is None
    running = site.target.observe(site.bundle.project).containers if unknown else ()
    used = {record.release for record in records}
    last = records[-1].id if records else 0
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


def _apply(site: Site, gone: Sweep) -> tuple[tuple[str, ...], int]:
    """Images first: where this is cut off, a release whose files are here can be pulled again."""
    site.observer.note(f"letting go of {len(gone.references)} image references")
    refused = sweeping.let_go(site.docker, gone.references)
    folders = [site.state.deployment(number).folder for number in gone.deployments]
    layouts = [site.state.release(digest) for digest in gone.releases]
    freed = 0
    for layout in layouts:
        # Without its index a layout counts as not there, so half of one is never used.
        (layout / "index.json").unlink(missing_ok=True)
    for folder in (*layouts, *folders):
        freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
    return refused, freed


def _view(
    site: Site, kept: dict[str, tuple[str, ...]], gone: Sweep, *, state: str
) -> dict[str, Any]:
    return {
        "state": state,
        "project": site.bundle.project,
        "kept": {digest: list(reasons) for digest, reasons in kept.items()},
        "references": list(gone.references),
        "releases": list(gone.releases),
        "deployments": list(gone.deployments),
        "at_most": gone.at_most,
        "nothing": gone.empty,
    }


def _stored(site: Site, digest: str) -> Release | None:
    try:
        return scene.stored(site, digest)
    except PreconditionError:
        return None


def _deployments(site: Site) -> tuple[int, ...]:
    folder = site.state.root / "deployments"
    if not folder.is_dir():
        return ()
    return tuple(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def _full(site: Site, digest: str) -> str:
    if is_digest(digest):
        return digest
    matching = [known for known in site.state.releases() if short(known) == digest]
    return matching[0] if len(matching) == 1 else parse_digest(digest, "release digest")


def _not_here(digest: str) -> PreconditionError:
    return PreconditionError(
        f"release {digest} is not stored here",
        state="nothing was changed",
        hint="inv release.list; inv pull --image=sha256:<release>",
    )


def _pin_file(site: Site) -> Path:
    return site.state.root / "pins.json"


def _pins(site: Site) -> dict[str, dict[str, str]]:
    try:
        pins: dict[str, dict[str, str]] = json.loads(_pin_file(site).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        # Without knowing what is pinned nothing may be removed.
        raise PreconditionError(
            f"{_pin_file(site)} cannot be read", hint="restore it, or remove it and pin again"
        ) from None
    return pins
