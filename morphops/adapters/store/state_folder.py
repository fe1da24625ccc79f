"""The state folder: what must outlive a command, in one place that only its owner may enter.

- `key`: key of the fingerprints and of containers' digests, 32 random bytes
- `history.jsonl`: see `history_file`; beside it room set aside for its last entries
- `history/<number>.jsonl`: sealed segments; see `segments`
- `releases/<64 hex>/`: an OCI image layout for each release that was ever used here
- `carried/<64 hex>/`: copies of what releases carry, which services mount; see `copies`
- `deployments/<id>/`: compose files, labels and values.env (or .age) of one deployment
- `failures/<time>-<id>/`: what a failed release left; see `operations/pipeline/evidence`
- `pins.json`: releases that prune leaves
- `runbooks/`: transcripts and reports
- `build.json`: the digests of the last `inv build`
- `built.json`: what the engine may name the images that were built here
- `.plan-*`: scratch: what a plan was computed in, gone when it is
"""

from __future__ import annotations

import math
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from morphops.adapters.store.files import PART_SUFFIX, in_use, not_yours, unwritable, write_whole
from morphops.errors import InputError, PreconditionError

_HALF = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(PART_SUFFIX)}")  # as `mkstemp` names it

_SCRATCH = ".plan-"
_OWN = (
    "key",
    "history.jsonl*",
    "history",
    "releases",
    "carried",
    "deployments",
    "failures",
    "pins.json",
    "runbooks",
    "build.json",
    "built.json",
    f"{_SCRATCH}*",
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment's folder: a release together with the values it ran with."""

    id: int
    folder: Path

    @property
    def values(self) -> Path:
        """The values that it ran with, mode 0600; see `app.values`, which reads and writes them."""
        return self.folder / "values.env"

    @property
    def encrypted_values(self) -> Path:
        """The same, encrypted, where the env file that they came from was."""
        return self.folder / "values.env.age"

    @property
    def labels(self) -> Path:
        """The override that labels containers with the release that created them."""
        return self.folder / "labels.json"

    @property
    def documents(self) -> Path:
        """What each document of the bundle said: name → digest."""
        return self.folder / "documents.json"

    @property
    def mounts(self) -> Path:
        """The override with the places of what stands beside the compose files."""
        return self.folder / "mounts.yaml"

    @property
    def places(self) -> Path:
        """The same, for this program."""
        return self.folder / "places.json"

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
    def of(cls, project: str, named: str, environ: Mapping[str, str]) -> StateFolder:
        """The project's folder: `MORPHOPS_STATE`, else the place that the platform has for it.

        For root that is /var/lib (FHS 3.0, 5.8), for others `XDG_STATE_HOME` (XDG base directory
        specification 0.8).

        Raises:
            InputError: a relative `MORPHOPS_STATE`: it would be another folder from each place.
        """
        if named:
            if not Path(named).is_absolute():
                raise InputError(
                    f"MORPHOPS_STATE={named} is not an absolute path, and would mean another "
                    "folder wherever a command is typed",
                    state="nothing was changed",
                    hint=f"export MORPHOPS_STATE={Path(named).absolute()}, if that is meant",
                )
            return cls(Path(named))
        if os.geteuid() == 0:
            return cls(Path("/var/lib/morphops") / project)
        base = Path(environ.get("XDG_STATE_HOME", ""))
        if not base.is_absolute():  # the specification has a relative one ignored
            base = Path.home() / ".local" / "state"
        return cls(base / "morphops" / project)

    def ensure(self) -> None:
        """Make the folder, and close it to others.

        Raises:
            PreconditionError: it cannot be made, or belongs to another user.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            owner = self.root.stat().st_uid
            if owner != os.geteuid():
                raise not_yours(f"the state folder {self.root}", owner)
            self.root.chmod(0o700)
        except OSError as err:
            raise PreconditionError(
                f"the state folder {self.root} cannot be used: {err.strerror}",
                state="nothing was changed",
                hint="set MORPHOPS_STATE to a folder that you may write",
            ) from None

    def key(self) -> bytes:
        """The key of the fingerprints and of containers' digests, made on first use."""
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

    @property
    def carried(self) -> Path:
        """The folder of the copies of what releases carry."""
        return self.root / "carried"

    def deployment(self, id_: int) -> Deployment:
        """The folder of one deployment."""
        return Deployment(id_, self.root / "deployments" / f"{id_:06d}")

    def deployments(self) -> tuple[Deployment, ...]:
        """The deployments that are kept here, the oldest first."""
        folder = self.root / "deployments"
        if not folder.is_dir():
            return ()
        return tuple(
            self.deployment(int(p.name)) for p in sorted(folder.iterdir()) if p.name.isdigit()
        )

    def new_deployment(self, number: int) -> Deployment:
        """A folder for a new deployment: that number, or the next one that nothing lies under.

        What lies there without a history may be all that is left of it, and is not written over.
        """
        deployment = self.deployment(number)
        while deployment.folder.exists():
            deployment = self.deployment(deployment.id + 1)
        return deployment

    def scratch(self) -> Path:
        """A new folder for what is gone again when a command ends; `leftovers` knows it.

        Raises:
            PreconditionError: it cannot be made.
        """
        self.ensure()
        try:
            return Path(tempfile.mkdtemp(dir=self.root, prefix=_SCRATCH))
        except OSError as err:
            raise unwritable(self.root, err) from None

    def leftovers(self, before: float) -> tuple[Path, ...]:
        """What interrupted commands left here: halves of files, and scratch folders.

        Args:
            before: only what was not changed since then (seconds since the epoch).
        """
        found: list[Path] = []
        for name, folders, files in os.walk(self.root):
            folder = Path(name)
            found += [folder / file for file in files if _HALF.fullmatch(file)]
            found += [folder / inner for inner in folders if inner.startswith(_SCRATCH)]
            # What a release brought has whatever names it has.
            keep_out = {"files"} if folder.parent.name == "deployments" else set()
            folders[:] = [f for f in folders if f not in keep_out and not f.startswith(_SCRATCH)]
        return tuple(path for path in found if _changed(path) < before)

    def abandoned(self) -> tuple[Path, ...]:
        """The same, whatever their age, without what a process that lives is at."""
        return tuple(path for path in self.leftovers(math.inf) if not in_use(path))

    def remove_own(self) -> None:
        """Remove what was written here for a project that is no more; what others put here stays.

        An env file stays as well: a person may have written it.
        """
        for pattern in _OWN:
            for path in self.root.glob(pattern):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
        with suppress(OSError):  # something else is in it
            self.root.rmdir()

    def write(self, path: Path, data: bytes) -> None:
        """Write a file of this folder, mode 0600; see `write_whole`.

        Raises:
            PreconditionError: the folder cannot be written (disk full, read-only).
        """
        self.ensure()
        write_whole(path, data)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # a write that ended, a plan that is over
        return time.time()
