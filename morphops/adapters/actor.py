"""Who works here, and when."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
from datetime import UTC, datetime
from typing import Any

from morphops.core.lock import Holder


def sound(value: Any) -> Any:
    """Text as UTF-8 can have it: what people type, and files are called, may be of other bytes."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def user() -> str:
    """Who is working here: the user who called sudo, if any."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.geteuid())


def now() -> str:
    """The time, as entries have it: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def holder(what: str, reason: str = "") -> Holder:
    """This process as a holder of the lock, from now on.

    Args:
        what: the operation (`deploy 1234567890ab`).
        reason: why, as it was given.
    """
    return Holder(
        token=secrets.token_hex(16),
        what=sound(what),
        reason=sound(reason),
        user=sound(user()),
        host=sound(socket.gethostname()),
        pid=os.getpid(),
        since=now(),
    )
