"""`inv env.encrypt`."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from morphops.adapters.store.env_file import read_text
from morphops.adapters.store.files import halves, write_whole
from morphops.core.env import encryption
from morphops.core.results.env import EnvEncrypted
from morphops.errors import InputError
from morphops.operations.pipeline import values
from morphops.operations.pipeline.session import exclusive
from morphops.site import Site


def encrypt(site: Site, env_file: str = "", *, wait: float = 0) -> EnvEncrypted:
    """Encrypt the env file and the values of every deployment that is kept here.

    Encrypted values are encrypted again, for the recipients that the bundle names now. The plain
    file is removed once the encrypted one is written and was read back. What killed commands left
    is removed too, since plain values may stand in it.

    Args:
        site: where.
        env_file: path; empty for the default.
        wait: seconds to wait for another operation to end.

    Returns:
        `env_file`, `recipients`, the `deployments` whose values are encrypted now, and those whose
        values were `left` because no key here opens them; and the leftovers.

    Raises:
        InputError: there is no identity here, no such file, or it is wrong as a file.
        LockHeld: an operation that may read them is under way.
    """
    with exclusive(site, "env.encrypt", wait=wait, aligned=False):
        path = site.env_file(env_file)
        text, encrypted, _ = read_text(path, site.keys.decrypt)
        target = path if encrypted else path.with_name(path.name + encryption.SUFFIX)
        data = site.keys.encrypt(text.encode())
        if site.keys.decrypt(data, str(target)) != text.encode():
            raise AssertionError("age did not give back what it was given")
        write_whole(target, data)
        if not encrypted:
            path.unlink()
        done, left = [], []
        for deployment in site.state.deployments():
            try:
                values.encrypt_values(site, deployment)
                done.append(deployment.id)
            except InputError as err:
                site.observer.note(f"deployment {deployment.id}: {err.what}")
                left.append(deployment.id)
        removed, kept = _remove_leftovers(site, path)
    return EnvEncrypted(
        env_file=str(target),
        removed="" if encrypted else str(path),
        recipients=tuple(dict.fromkeys((*site.keys.own(), *site.keys.recipients))),
        deployments=tuple(done),
        left=tuple(left),
        leftovers=removed,
        leftovers_left=kept,
    )


def _remove_leftovers(site: Site, env_file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Remove what killed commands left, which may hold plain values.

    Returns:
        what is gone, and what could not be removed.
    """
    gone: list[str] = []
    there: list[str] = []
    for path in (*site.state.abandoned(), *halves(env_file)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        (there if path.exists() else gone).append(str(path))
    return tuple(dict.fromkeys(gone)), tuple(dict.fromkeys(there))
