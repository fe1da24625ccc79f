"""The images of a fake engine, and what a registry answers it."""

from __future__ import annotations

from morphops.core.release.digest import short
from morphops.core.release.reference import hold_tag
from morphops.core.release.release import Image
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
