"""Files encrypted with age (C2SP: age-encryption.org/v1); the only module that imports pyrage.

Written as the `age` program writes them with `--armor`, so that morphops is not needed to read one:

    age --decrypt -i ~/.config/morphops/identity.txt prod.env.age
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from morphops.adapters.store import text_file
from morphops.adapters.store.trust import who_may_change
from morphops.errors import InputError, PreconditionError

_LARGEST = 64 * 1024  # bytes of an identity file

_NO_IDENTITY = "inv env.identity makes one; another place for it: MORPHOPS_AGE_IDENTITY"


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens encrypted files here, and for whom they are written.

    Attributes:
        identity: the identity file, as `age-keygen` writes it; mode 0600.
        recipients: who else can read what is written here (`age1…`).
    """

    identity: Path
    recipients: tuple[str, ...] = ()

    def decrypt(self, data: bytes, source: str) -> bytes:
        """The plain bytes.

        Args:
            data: what `is_encrypted` is true of.
            source: how messages name the file.

        Raises:
            InputError: there is no identity here, or none that it was encrypted to;
                or it was truncated or changed, which age finds out.
        """
        import pyrage

        try:
            return bytes(pyrage.decrypt(data, self._identities(f"{source} is encrypted, and ")))
        except pyrage.DecryptError as err:
            raise InputError(
                f"{source}: cannot be decrypted with {self.identity}: {err}",
                state="nothing was changed",
                hint="its writer adds your recipient (inv env.identity shows it), or restore "
                "the file",
            ) from None

    def encrypt(self, data: bytes) -> bytes:
        """Armored, for the identity here and the other recipients.

        Raises:
            InputError: there is no identity here, or a recipient is none.
        """
        import pyrage

        known = []
        for text in (*self.own(), *self.recipients):
            try:
                known.append(pyrage.x25519.Recipient.from_str(text))
            except pyrage.RecipientError as err:
                raise InputError(
                    f"env/recipients: {text!r} is not an age recipient: {err}",
                    hint="inv env.identity shows one's own",
                ) from None
        return bytes(pyrage.encrypt(data, known, armored=True))

    def own(self) -> tuple[str, ...]:
        """The recipients that the identities here answer to.

        Raises:
            InputError: there is no identity file, or it cannot be used.
        """
        return tuple(str(identity.to_public()) for identity in self._identities(""))

    def make(self) -> bool:
        """Make the identity where there is none; says whether it did.

        Raises:
            PreconditionError: it cannot be written.
        """
        import pyrage

        if self.identity.exists():
            return False
        made = pyrage.x25519.Identity.generate()
        try:
            self.identity.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.identity, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as stream:
                stream.write(f"# public key: {made.to_public()}\n{made}\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as err:
            raise PreconditionError(
                f"cannot write the identity {self.identity}: {err.strerror}",
                hint="set MORPHOPS_AGE_IDENTITY to a path that you may write",
            ) from None
        return True

    def _identities(self, why: str) -> Sequence[Any]:
        import pyrage

        found = []
        for number, line in enumerate(self._lines(why), start=1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                found.append(pyrage.x25519.Identity.from_str(line.strip()))
            except pyrage.IdentityError:
                # What stands there is not repeated: it may be half of a key.
                raise InputError(
                    f"{self.identity}:{number}: is no X25519 identity of age",
                    hint="lines of it are AGE-SECRET-KEY-1…, as age-keygen writes them",
                ) from None
        if not found:
            raise InputError(f"{self.identity}: holds no identity", hint=_NO_IDENTITY)
        return found

    def _lines(self, why: str) -> list[str]:
        try:
            # Without O_NONBLOCK the opening of a pipe waits for a writer.
            handle = os.open(self.identity, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise InputError(
                f"{why}there is no age identity at {self.identity}",
                state="nothing was changed",
                hint=_NO_IDENTITY,
            ) from None
        except OSError as err:
            raise InputError(f"{self.identity}: cannot be read: {err.strerror}") from None
        with os.fdopen(handle, "rb") as stream:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise InputError(f"{self.identity}: is not a regular file")
            if stat.S_IMODE(mode) & 0o077:
                raise InputError(
                    f"{self.identity}: mode is {stat.S_IMODE(mode):04o}, so others may read it",
                    hint=f"chmod 600 {self.identity}",
                )
            if whose := who_may_change(self.identity):
                raise InputError(
                    f"{self.identity}: {whose}, so another user may put another identity there",
                    hint="make the file and its folders yours, and let no other user write them",
                )
            return stream.read(_LARGEST).decode("utf-8", errors="replace").splitlines()


def identity_path(named: str, environ: Mapping[str, str]) -> Path:
    """Where the identity lies: `MORPHOPS_AGE_IDENTITY`, else below the user's configuration.

    Never in the state folder: a key beside what it opens protects nothing (XDG base directory
    specification 0.8).
    """
    if named:
        return text_file.path(named).absolute()
    base = Path(environ.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".config"
    return base / "morphops" / "identity.txt"
