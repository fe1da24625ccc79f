"""Env files on the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from morphops.adapters.store.trust import who_may_change
from morphops.core.env import encryption
from morphops.core.env.dotenv import OTHER_FILE, EnvFile, scan, without_findings
from morphops.core.finding import Finding
from morphops.errors import InputError

_LARGEST = 256 * 1024  # bytes; an env file has some kilobytes

# Encrypted bytes and the name of their file → plain bytes; see `agefile.Keys.decrypt`.
Decrypt: TypeAlias = Callable[[bytes, str], bytes]


def load(path: Path, decrypt: Decrypt | None = None) -> EnvFile:
    """Read an env file, and refuse one with findings; see `scan_file`.

    Raises:
        InputError: it cannot be read, or has findings.
    """
    return without_findings(scan_file(path, decrypt))


def scan_file(path: Path, decrypt: Decrypt | None = None) -> EnvFile:
    """Read an env file; that group or others may read a plain one is a finding.

    Args:
        path: the file.
        decrypt: opens an encrypted one; None to refuse that.

    Raises:
        InputError: it is not there, or cannot be read as one.
    """
    text, encrypted, mode = read_text(path, decrypt)
    env = replace(scan(text, str(path)), encrypted=encrypted)
    if not encrypted and mode & 0o077:
        what = f"mode is {mode:04o}, so others may read its secrets"
        others = Finding(str(path), 0, what, f"chmod 600 {path}")
        env = replace(env, findings=(others, *env.findings))
    if whose := who_may_change(path):
        what = f"{whose}, so another user may decide what is deployed"
        remedy = "make the file and its folders yours, and let no other user write them"
        env = replace(env, findings=(Finding(str(path), 0, what, remedy), *env.findings))
    return env


def read_text(path: Path, decrypt: Decrypt | None) -> tuple[str, bool, int]:
    """The text of an env file, whether it was encrypted, and the file's permission bits.

    Raises:
        InputError: it is not there, or cannot be read as one.
    """
    try:
        mode, data = _read(path)
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such env file",
            state="nothing was changed",
            hint=OTHER_FILE,
        ) from None
    except OSError as err:
        raise _unreadable(path, f"cannot be read: {err.strerror}") from None
    encrypted = encryption.is_encrypted(data)
    if encrypted:
        if decrypt is None:
            raise _unreadable(path, "is encrypted, and has to be plain here")
        data = decrypt(data, str(path))
    try:
        return data.decode("utf-8"), encrypted, mode
    except UnicodeDecodeError as err:
        line = data[: err.start].count(b"\n") + 1
        raise _unreadable(f"{path}:{line}", "is not UTF-8; save the file as UTF-8") from None


def _read(path: Path) -> tuple[int, bytes]:
    """Mode and bytes of an env file; neither a pipe nor a disk image keeps anybody waiting."""
    # Without O_NONBLOCK the opening of a pipe waits for a writer.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            is_folder = stat.S_ISDIR(mode)
            why = "is a folder, not an env file" if is_folder else "is not a regular file"
            raise _unreadable(path, why)
        with open(handle, "rb", closefd=False) as stream:
            data = stream.read(_LARGEST + 1)
    finally:
        os.close(handle)
    if len(data) > _LARGEST:
        raise _unreadable(path, f"is larger than {_LARGEST // 1024} KiB, so it is not an env file")
    return stat.S_IMODE(mode), data


def _unreadable(where: Path | str, why: str) -> InputError:
    return InputError(f"{where}: {why}", state="nothing was changed", hint=OTHER_FILE)
