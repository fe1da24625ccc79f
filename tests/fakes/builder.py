"""A builder and a local registry without an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from morphops.core.requests import BuildRequest, BuiltImage
from morphops.core.results.registry import RegistryInfo
from morphops.interfaces import Say
from tests.samples.releases import digest


@dataclass
class FakeBuilder:
    """A `Builder` that builds at once.

    Attributes:
        public: whether a public registry answers.
    """

    public: bool = True

    def targets(self, file: Path, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        return {name: {} for name in names}

    def bake(self, request: BuildRequest, say: Say) -> Mapping[str, BuiltImage]:
        names = digest("1"), digest("2")
        return dict.fromkeys(request.targets, BuiltImage(digest=names[0], names=names))

    def prune_cache(self, older_than_hours: int) -> None:
        return

    def reaches_public_registry(self) -> bool:
        return self.public

    def trusted_certificates(self) -> Path | None:
        return None


@dataclass
class FakeLocalRegistry:
    """A `LocalRegistry` that starts and stops at once.

    Attributes:
        runs: whether it runs; then nobody asks for its image.
        image: what it was started with.
    """

    runs: bool = False
    image: str = ""

    def start(self, image: Callable[[], str], *, host: str, port: int, name: str) -> RegistryInfo:
        if not self.runs:
            self.image = image()
        return RegistryInfo(
            state="running" if self.runs else "started",
            address=f"{host}:{port}",
            container=name,
            volume=name,
        )

    def stop(self, *, name: str, delete_data: bool) -> RegistryInfo:
        return RegistryInfo(
            state="stopped",
            address="127.0.0.1:5000",
            container=name,
            volume=name,
            deleted=delete_data,
        )

    def collect(self, *, name: str) -> int:
        return 1_500_000

    def pull(self, reference: str = "") -> str:
        return reference or "the public image"

    def load(self, tag: str, ids: Collection[str], archive: Iterable[bytes]) -> str:
        return next(iter(ids))
