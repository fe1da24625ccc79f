"""Text files that people write, where they say: UTF-8, or an error that names file and line."""

from __future__ import annotations

from pathlib import Path

from morphops.errors import ConfigError, InputError


def path(typed: str) -> Path:
    """A path as a person types it: `~` is a home.

    Raises:
        InputError: there is no such home.
    """
    try:
        return Path(typed).expanduser()
    except RuntimeError as err:
        what = str(err).rstrip(".")
        raise InputError(f"{typed}: {what}", state="nothing was changed") from None


def read(path: Path, name: str = "") -> str:
    """The text of a file.

    Args:
        path: the file.
        name: how messages name it; its path where that is empty.

    Raises:
        ConfigError: it is not there, cannot be read, or is no UTF-8.
    """
    name = name or str(path)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{name}: is not there") from None
    except OSError as err:
        raise ConfigError(f"{name}: cannot be read: {err.strerror}") from None
    except UnicodeDecodeError as err:
        line = err.object[: err.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: is not UTF-8") from None
