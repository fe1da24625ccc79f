"""`inv release.pin`, `inv release.unpin`."""

from __future__ import annotations

from morphops.adapters.actor import user
from morphops.adapters.store.release_layout import is_complete
from morphops.core.release.digest import canonical_json
from morphops.core.release.release import Release
from morphops.core.results.release import Pin
from morphops.errors import PreconditionError
from morphops.operations.pipeline import prepare
from morphops.operations.pipeline.session import exclusive
from morphops.operations.release.find import full_digest, not_stored
from morphops.operations.release.kept import pin_file, read_pins
from morphops.site import Site


def pin(site: Site, digest: str, *, reason: str) -> Pin:
    """Keep a release whatever `prune` is told; once more, for another reason.

    Raises:
        PreconditionError: it is not stored here, or not with all of its images.
    """
    with exclusive(site, "release.pin", reason=reason, aligned=False):
        full = full_digest(site, digest)
        if not is_complete(site.state.release(full)):
            raise not_stored(digest)
        _hold(site, prepare.stored(site, full))
        pins = read_pins(site)
        before = pins.get(full, {})
        changed = not before or reason not in ("", before.get("reason"))
        if changed:
            pins[full] = {"reason": reason or "pinned", "user": user()}
            site.state.write(pin_file(site), canonical_json(pins))
    return Pin(state="pinned", release=full, reason=pins[full].get("reason", ""), changed=changed)


def unpin(site: Site, digest: str) -> Pin:
    """Leave a release to `prune` again."""
    with exclusive(site, "release.unpin", aligned=False):
        full = full_digest(site, digest)
        pins = read_pins(site)
        changed = pins.pop(full, None) is not None
        if changed:
            site.state.write(pin_file(site), canonical_json(pins))
    return Pin(state="not pinned", release=full, reason="", changed=changed)


def _hold(site: Site, release: Release) -> None:
    """Hold the images of a release, so that a cleanup by others does not take what was pinned."""
    missing = [image.name for image in release.images if not site.platform.images.has_image(image)]
    if missing:
        raise PreconditionError(
            f"release {release.short} is stored here without its images "
            f"(missing: {', '.join(missing)}), so that to pin it would keep nothing",
            state="nothing was changed",
            hint=f"inv pull --image={release.digest}; then the same command again",
        )
    for image in release.images:
        site.platform.images.hold_image(image, release.project, release.digest)
