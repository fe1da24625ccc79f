"""What keeps a release from `inv prune`."""

from __future__ import annotations

from pathlib import Path

from morphops.adapters.store.files import read_table
from morphops.core.history import operations, retention
from morphops.site import Site


def kept_roots(site: Site, keep: int) -> dict[str, tuple[str, ...]]:
    records = site.history.records()
    # An unchanged service still names the release that created it, which is not needed any more;
    # but where the history is lost, such names are all that is known.
    unknown = operations.deployment_of_record(records) is None
    running = site.platform.workloads.observe(site.bundle.project).containers if unknown else ()
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
        pinned=read_pins(site).keys(),
        running={c.release for c in running if c.release},
        waiting=waiting,
    )


def _since(release: Path, deployment: Path) -> bool:
    """Whether a release came here after a deployment was made; both are written once."""
    if not deployment.exists():
        return True
    return release.stat().st_mtime >= deployment.stat().st_mtime


def pin_file(site: Site) -> Path:
    return site.state.root / "pins.json"


def read_pins(site: Site) -> dict[str, dict[str, str]]:
    # Without knowing what is pinned nothing may be removed.
    return read_table(pin_file(site), hint="restore it, or remove it and pin again")
