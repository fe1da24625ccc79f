"""Removes what a sweep found, phase by phase: each on record, and only while the lock is ours."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from morphops.core.history.operations import Record
from morphops.errors import LockLost, MorphopsError, PreconditionError
from morphops.operations.pipeline.operation import HistoryLog
from morphops.operations.pipeline.session import Session
from morphops.site import Site

_CACHE_HOURS = 168  # a week
_OLD = 3600.0  # seconds; a pull needs no lock, and may be writing right now

T = TypeVar("T")


class Removal:
    """One prune, while it removes things. Each method may raise LockLost before each removal.

    Args:
        site: where.
        session: is asked whether the lock is still ours.
        record: the operation that each phase is a step of.

    Attributes:
        refused: the image references, and images without any, that the platform did not remove.
        freed: bytes of the files that were removed.
    """

    def __init__(self, site: Site, session: Session, record: Record) -> None:
        self.refused: list[str] = []
        self.freed = 0
        self._site = site
        self._session = session
        self._log = HistoryLog(session.history, record)
        self._done: list[str] = []

    @property
    def state(self) -> str:
        """What was removed so far, in words."""
        if not self._done:
            return "nothing was removed"
        return f"removed before that: {', '.join(self._done)}; everything else stays"

    def containers(self, ids: Sequence[str]) -> None:
        """Remove containers that are stopped."""
        workloads = self._site.platform.workloads
        self._each("stopped containers", ids, lambda id_: workloads.remove_stopped([id_]))

    def references(self, references: Sequence[str]) -> None:
        """Remove image references."""
        self._each("image references", references, self._drop)

    def untagged(self, ids: Sequence[str]) -> None:
        """Remove images that have lost every name."""
        self._each("images without a name", ids, self._drop)

    def releases(self, digests: Sequence[str]) -> None:
        """Remove the layouts of releases."""
        self._each(
            "releases", digests, lambda digest: self._remove(self._site.state.release(digest))
        )

    def deployments(self, numbers: Sequence[int]) -> None:
        """Remove the files and values of deployments."""
        state = self._site.state
        self._each("deployments", numbers, lambda n: self._remove(state.deployment(n).folder))

    def copies(self, folders: Sequence[Path]) -> None:
        """Remove copies of files that releases carried."""
        self._each("copies of carried files", folders, self._remove)

    def bases(self, folders: Sequence[Path]) -> None:
        """Remove base images that were made here."""
        self._each("base images", folders, self._remove)

    def leftovers(self) -> None:
        """Remove what interrupted writes and plans left in the state folder."""
        left = self._site.state.leftovers(time.time() - _OLD)
        self._each("leftovers of interrupted commands", left, self._remove)

    def build_cache(self) -> None:
        """Remove what builds have cached and not used for a week; of everybody here."""
        self._each("build caches", [_CACHE_HOURS], self._site.builder.prune_cache)

    def _drop(self, image: str) -> None:
        self.refused += self._site.platform.images.remove_references([image])

    def _each(self, what: str, items: Sequence[T], remove: Callable[[T], None]) -> None:
        if not items:
            return
        done, begun = 0, time.monotonic()
        self._log.begin(f"remove {what} ({len(items)})", touches=False)
        try:
            for item in items:
                self._session.check()
                remove(item)
                done += 1
        except LockLost:
            raise  # the history belongs to the new holder of the lock
        except BaseException:
            with suppress(MorphopsError):
                self._log.end("failed", time.monotonic() - begun)
            raise
        finally:
            self._done.append(f"{done} of {len(items)} {what}")
        self._log.end("ok", time.monotonic() - begun)

    def _remove(self, path: Path) -> None:
        self.freed += size(path)
        try:
            if path.is_dir():
                # Without its index a layout counts as not there, so half of one is never used.
                (path / "index.json").unlink(missing_ok=True)
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:  # a write that ended meanwhile
            return
        except OSError as err:
            raise PreconditionError(
                f"cannot remove {err.filename or path}: {err.strerror}",
                hint=f"see owner and mode of {path.parent}",
            ) from None


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    return sum(map(_size, (path, *path.rglob("*"))))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
