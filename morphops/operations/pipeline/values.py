"""The values of a deployment: kept as the env file was that they came from, plain or encrypted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from morphops.adapters.store import env_file
from morphops.adapters.store.memfile import in_memory
from morphops.adapters.store.state_folder import Deployment
from morphops.core.env import dotenv
from morphops.core.env.dotenv import EnvFile
from morphops.errors import InputError, PreconditionError
from morphops.site import Site

_HEADER = "release {}\nwritten by morphops; what a person sets is elsewhere"


def store_values(
    site: Site, deployment: Deployment, release: str, values: Mapping[str, str], *, encrypted: bool
) -> None:
    """Write the values of a deployment.

    Args:
        site: where.
        deployment: whose.
        release: its digest.
        values: all of them, what documents and the release decide included.
        encrypted: whether the env file is.

    Raises:
        InputError: they cannot be encrypted.
        PreconditionError: they cannot be written.
    """
    text = dotenv.render(values, header=_HEADER.format(release)).encode()
    if encrypted:
        site.state.write(deployment.encrypted_values, site.keys.encrypt(text))
    else:
        site.state.write(deployment.values, text)


def read_values(site: Site, deployment: Deployment) -> EnvFile:
    """The values that a deployment ran with.

    Raises:
        PreconditionError: they are gone, or cannot be decrypted.
    """
    try:
        return env_file.load(_where(deployment), site.keys.decrypt)
    except InputError as err:
        raise PreconditionError(
            f"the values of deployment {deployment.id} cannot be used: {err.what}", hint=err.hint
        ) from None


def env_file_for_platform(site: Site, deployment: Deployment) -> Path:
    """A path from which Compose can read them; of encrypted ones a copy that no disk holds.

    Raises:
        PreconditionError: they are gone, or cannot be decrypted.
    """
    if not deployment.encrypted_values.exists():
        return deployment.values
    values = read_values(site, deployment)
    return in_memory(deployment.values.name, dotenv.render(values.values).encode())


def belong_to(site: Site, deployment: Deployment, release: str) -> bool:
    """Whether a deployment was one of this release; false where that is no longer known."""
    first = dotenv.render({}, header=_HEADER.format(release)).rstrip("\n")
    try:
        text, *_ = env_file.read_text(_where(deployment), site.keys.decrypt)
    except (InputError, OSError):
        return False
    return text.startswith(first)


def encrypt_values(site: Site, deployment: Deployment) -> None:
    """Encrypt the values of a deployment, or encrypt them again for those who may read them now.

    Raises:
        InputError: they cannot be read, or not be encrypted.
        PreconditionError: they cannot be written.
    """
    text, *_ = env_file.read_text(_where(deployment), site.keys.decrypt)
    site.state.write(deployment.encrypted_values, site.keys.encrypt(text.encode()))
    deployment.values.unlink(missing_ok=True)


def _where(deployment: Deployment) -> Path:
    return (
        deployment.encrypted_values if deployment.encrypted_values.exists() else deployment.values
    )
