"""The images of a fake engine, and what a registry answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from morphops.core.release.digest import short
from morphops.core.release.reference import hold_tag
from morphops.core.release.release import Image
from morphops.core.stack import ImageFacts, LocalImage
from morphops.errors import EngineCallFailed, IntegrityError
from morphops.interfaces import Say
from morphops.testing.engine import FakeEngine


class FakeImages:
    """Implements `Images` for one fake engine."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    def platform(self) -> str:
        """See `Images.platform`."""
        return self._engine.machine

    def has_image(self, image: Image) -> bool:
        """See `Images.has_image`."""
        with self._engine.call(f"has {image.name}"):
            found = self._engine.local.get(str(image.ref))
            return found is not None and found.config == image.config

    def pull_image(self, image: Image, say: Say, *, stalled_after: float) -> None:
        """See `Images.pull_image`."""
        with self._engine.call(f"pull {image.name}", done=True):
            found = self._engine.served.get(str(image.ref))
            if found is None:
                raise EngineCallFailed(f"could not pull {image.ref}: no registry has it")
            self._engine.local[str(image.ref)] = found
            if found.config != image.config:
                raise IntegrityError(
                    f"{image.ref} was pulled, but it is not the image that the release recorded",
                    state="no container was touched",
                )
            say(f"{image.name}: pulled {short(image.ref.digest)}")

    def hold_image(self, image: Image, project: str, release: str) -> None:
        """See `Images.hold_image`."""
        with self._engine.call(f"hold {image.name}", done=True):
            if str(image.ref) not in self._engine.local:
                raise EngineCallFailed(f"could not tag {image.ref}: there is no such image")
            self._engine.held[hold_tag(project, image.ref, release)] = str(image.ref)

    def image_facts(self, reference: str, say: Say, *, stalled_after: float) -> ImageFacts:
        """See `Images.image_facts`; a fake image says nothing of itself."""
        with self._engine.call(f"look at {reference}"):
            if reference not in self._engine.local:
                found = self._engine.served.get(reference)
                if found is None:
                    raise EngineCallFailed(f"could not pull {reference}: no registry has it")
                self._engine.local[reference] = found
                say(f"pulled {reference}")
            return ImageFacts()

    def inventory(self) -> tuple[LocalImage, ...]:
        """See `Images.inventory`."""
        with self._engine.call("inventory"):
            names: dict[str, set[str]] = {}
            for reference, image in self._engine.local.items():
                names.setdefault(image.config, set()).add(reference)
            for tag, reference in self._engine.held.items():
                if reference in self._engine.local:
                    names[self._engine.local[reference].config].add(tag)
            used = {c.instance.image.digest for c in self._engine.containers.values()}
            return tuple(
                LocalImage(id_, frozenset(references), 1, used=id_ in used)
                for id_, references in names.items()
            )

    def remove_references(self, references: Sequence[str]) -> tuple[str, ...]:
        """See `Images.remove_references`."""
        with self._engine.call("remove references", done=True):
            return tuple(name for name in references if not self._remove(name))

    def _remove(self, reference: str) -> bool:
        if self._engine.held.pop(reference, None):
            return True
        image = self._engine.local.get(reference)
        if image is None:
            return True
        used = any(c.instance.image.is_of(image) for c in self._engine.containers.values())
        if used and reference not in self._engine.held.values():
            return False  # the last name of an image in use stays
        del self._engine.local[reference]
        return True

    def disk_use(self) -> Mapping[str, int]:
        """See `Images.disk_use`."""
        with self._engine.call("disk use"):
            return {"images": len(self._engine.local), "build_cache": 0}
