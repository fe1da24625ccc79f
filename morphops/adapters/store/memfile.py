"""A file that exists in memory only, for a program that wants a path and must leave no trace."""

from __future__ import annotations

import os
from pathlib import Path


def in_memory(name: str, data: bytes) -> Path:
    """A path under which children of this process can read some bytes, for as long as it lives.

    Whatever kills this process, nothing is left of it: no disk ever held it (memfd_create(2)). Only
    its own user can open it, as with any of its descriptors.

    Args:
        name: to recognise it by, in /proc.
        data: what it holds.
    """
    handle = os.memfd_create(name)
    with os.fdopen(handle, "wb", closefd=False) as stream:
        stream.write(data)
    # By the number of the process and not by `self`: its reader is another process.
    return Path(f"/proc/{os.getpid()}/fd/{handle}")
