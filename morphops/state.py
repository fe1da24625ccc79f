"""The state folder: what must outlive a command, in one place that only its owner may enter.

key                       key of the fingerprints, 32 random bytes
lock                      see journal.Lock
history.jsonl             see journal.History
releases/<64 hex>/        an OCI image layout for each release that was ever used here
deployments/<id>/         compose files, labels and values.env of one deployment
build.json                the digests of the last `inv build`
"""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from morphops.errors import PreconditionError


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment's folder: a release together with the values it ran with."""

    id: int
    folder: Path

    @property
    def values(self) -> Path:
        """The env file that Compose gets; holds secrets, mode 0600."""
        return self.folder / "values.env"

    @property
    def labels(self) -> Path:
        """The override that labels containers with the release that created them."""
        return self.folder / "labels.json"

    @property
    def files(self) -> Path:
        """The release's files, as they were in the bundle's folder."""
        return self.folder / "files"


class StateFolder:
    """Paths and safe writes below one folder, mode 0700.

    Args:
        root: the folder; made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def of(cls, project: str, environ: Mapping[str, str]) -> StateFolder:
        """The project's folder: `MORPHOPS_STATE`, else the place that the platform has for it.

        For root that is /var/lib (FHS 3.0, 5.8), for others `XDG_STATE_HOME` (XDG base directory
        specification 0.8).
        """
        if environ.get("MORPHOPS_STATE"):
            return cls(Path(environ["MORPHOPS_STATE"]).absolute())
        if os.geteuid() == 0:
            return cls(Path("/var/lib/morphops") / project)
        base = Path(environ.get("XDG_STATE_HOME", ""))
        if not base.is_absolute():  # the specification has a relative one ignored
            base = Path.home() / ".local" / "state"
        return cls(base / "morphops" / project)

    def ensure(self) -> None:
        """Make the folder, and close it to others.

        Raises:
            PreconditionError: it cannot be made, or belongs to somebody else.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            owner = self.root.stat().st_uid
            if owner != os.geteuid():
                raise PreconditionError(
                    f"the state folder {self.root} belongs to uid {owner}, not to you",
                    hint="run as its owner, or set MORPHOPS_STATE to a folder of your own",
                )
            self.root.chmod(0o700)
        except OSError as err:
            raise PreconditionError(
                f"the state folder {self.root} cannot be used: {err.strerror}",
                state="nothing was changed",
                hint="set MORPHOPS_STATE to a folder that you may write",
            ) from None

    def key(self) -> bytes:
        """The key of the fingerprints, made on first use."""
        path = self.root / "key"
        if not path.exists():
            self.write(path, secrets.token_bytes(32))
        return path.read_bytes()

    def release(self, digest: str) -> Path:
        """Where a release's layout lies, whether it is there or not."""
        return self.root / "releases" / digest.removeprefix("sha256:")

    def releases(self) -> tuple[str, ...]:
        """The digests of the releases that are kept here."""
        folder = self.root / "releases"
        if not folder.is_dir():
            return ()
        return tuple(sorted(f"sha256:{p.name}" for p in folder.iterdir() if len(p.name) == 64))

    def deployment(self, id_: int) -> Deployment:
        """The folder of one deployment."""
        return Deployment(id_, self.root / "deployments" / f"{id_:06d}")

    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder.

        Raises:
            PreconditionError: the folder cannot be written (disk full, read-only).
        """
        try:
            self._write(path, data, mode)
        except OSError as err:
            raise PreconditionError(
                f"cannot write {path}: {err.strerror}",
                hint="free space in the state folder, or see its owner and mode",
            ) from None

    def _write(self, path: Path, data: bytes, mode: int) -> None:
        self.ensure()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(stream.fileno(), mode)
                os.fsync(stream.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
