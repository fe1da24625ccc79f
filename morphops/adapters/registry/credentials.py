"""Reads credentials from Docker's own configuration and its helpers."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from morphops.core.release.reference import HUB
from morphops.errors import InputError, PreconditionError

_HUB_ACCOUNT = "https://index.docker.io/v1/"  # as `docker login` writes it
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_LIMIT = 60.0  # seconds; it may ask a person to unlock a keychain
_NOT_FOUND = "credentials not found"  # how every helper says that it has none
_IDENTITY = "<token>"  # the user's name that a helper gives with an identity token


@dataclass(frozen=True, slots=True)
class Credential:
    """What a registry, or its token service, is told. Never shown.

    Attributes:
        username: empty where there is only a token.
        password: of that user.
        identity_token: exchanged at the token service (OAuth 2 refresh token).
        registry_token: sent to the registry as it is.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """Return the `Authorization` header of the user, or nothing."""
        if not self.username:
            return ""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """The part of Docker's configuration that says who one is.

    Attributes:
        auths: key of the registry → credential.
        helpers: host → the helper's name (`credHelpers`).
        store: the helper for all others (`credsStore`), or nothing.
    """

    auths: Mapping[str, Credential] = field(default_factory=dict, repr=False)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str = ""

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> DockerConfig:
        """Read `config.json` in `DOCKER_CONFIG`, or in `~/.docker`.

        Raises:
            InputError: it is there, and cannot be read.
        """
        folder = environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
        path = Path(folder) / "config.json"
        try:
            read = json.loads(path.read_bytes())
            return cls(
                auths={key: _credential(entry) for key, entry in (read.get("auths") or {}).items()},
                helpers={key: _text(name) for key, name in (read.get("credHelpers") or {}).items()},
                store=_text(read.get("credsStore") or ""),
            )
        except (FileNotFoundError, NotADirectoryError):
            return cls()
        except (OSError, ValueError, AttributeError, RecursionError):
            raise InputError(
                f"{path} cannot be read as Docker's configuration",
                state="nothing was changed",
                hint="fix it, or name another folder with DOCKER_CONFIG",
            ) from None

    def find(self, host: str) -> Credential | None:
        """Return the credential for a registry, or none.

        Args:
            host: `host[:port]`.

        Raises:
            PreconditionError: a helper is named that does not work.
        """
        account = _HUB_ACCOUNT if host == HUB else host
        helper = self._helper(host)
        if helper and (found := _ask_helper(helper, account)):
            return found
        if account in self.auths:
            return _some(self.auths[account])
        names = {host, _hostname(account)}
        for key, credential in self.auths.items():
            if _hostname(key) in names and _some(credential):
                return credential
        return None

    def _helper(self, host: str) -> str:
        names = (_HUB_ACCOUNT, _hostname(_HUB_ACCOUNT), host) if host == HUB else (host,)
        return next((self.helpers[name] for name in names if name in self.helpers), self.store)


def _hostname(key: str) -> str:
    """Return the host of a key: Docker wrote `https://host/v1/` once, and `host` today."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _some(credential: Credential) -> Credential | None:
    return credential if credential != Credential() else None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _credential(entry: Mapping[str, object]) -> Credential:
    username = _text(entry.get("username") or "")
    password = _text(entry.get("password") or "")
    if auth := _text(entry.get("auth") or ""):
        try:
            pair = base64.b64decode(auth, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ValueError("auth is not base64") from None
        username, _, password = pair.partition(":")
    return Credential(
        username=username,
        password=password.strip("\0"),
        identity_token=_text(entry.get("identitytoken") or ""),
        registry_token=_text(entry.get("registrytoken") or ""),
    )


def _ask_helper(name: str, account: str) -> Credential | None:
    """Ask `docker-credential-NAME`. What it says is never shown: it may hold the secret.

    Raises:
        PreconditionError: it does not work.
    """
    program = f"docker-credential-{name}"
    if not _HELPER.fullmatch(name):
        raise PreconditionError(
            f"Docker's configuration names a credential helper {name!r}, which is not a name",
            state="nothing was changed",
        )
    try:
        done = subprocess.run(
            [program, "get"], input=account.encode(), capture_output=True, timeout=_HELPER_LIMIT
        )
    except OSError as err:
        raise _helper_failed(program, account, err.strerror or type(err).__name__) from None
    except subprocess.TimeoutExpired:
        raise _helper_failed(program, account, f"no answer in {_HELPER_LIMIT:g} s") from None
    if done.returncode:
        if _NOT_FOUND in (done.stdout + done.stderr).decode(errors="replace"):
            return None
        raise _helper_failed(program, account, f"exit {done.returncode}")
    try:
        said = json.loads(done.stdout)
        user, secret = _text(said["Username"]), _text(said["Secret"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _helper_failed(program, account, "its answer is not what helpers say") from None
    if user == _IDENTITY:
        return Credential(identity_token=secret)
    return _some(Credential(user, secret))


def _helper_failed(program: str, account: str, why: str) -> PreconditionError:
    return PreconditionError(
        f"the credential helper {program} gives nothing for {account}: {why}",
        state="nothing was changed",
        hint=f"see whether {program} works, or take it out of Docker's configuration",
    )
