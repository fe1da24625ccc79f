"""`inv release.show`."""

from __future__ import annotations

from morphops.adapters.store.release_layout import is_complete
from morphops.core.results.release import ReleaseDetail, of_detail
from morphops.operations.release import find
from morphops.operations.release.find import full_digest, not_stored
from morphops.operations.release.kept import kept_roots
from morphops.site import Site


def show(site: Site, digest: str) -> ReleaseDetail:
    """Return a release: images, files, labels, what was done with it, and what keeps it.

    One that is not stored here is looked at in the registry, and is not stored by that.

    Raises:
        InputError, NotFound: there is no such release.
    """
    full = full_digest(site, digest)
    release = find.find(site, full, store=False)
    if release is None:
        raise not_stored(digest)
    return of_detail(
        release,
        stored=is_complete(site.state.release(full)),
        kept_by=tuple(kept_roots(site, site.bundle.retention.keep).get(full, ())),
        operations=tuple(record for record in site.history.records() if record.release == full),
    )
