"""Whether another user may change a file that decides what is done here.

The rule is OpenSSH's for the files that it reads (sshd_config(5), `StrictModes`). The file and its
folders belong to root or to us, and no other user may write them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path


def who_may_change(path: Path) -> str:
    """Return who else may change a file, in words; empty where no other user may.

    Args:
        path: of the file; what it links to counts.
    """
    real = path.resolve()
    for place in (real, *real.parents):
        try:
            found = place.stat()
        except OSError:
            continue  # one that cannot be looked at cannot be read either
        what = str(place)
        if found.st_uid not in (0, os.geteuid()):
            return f"{what} belongs to uid {found.st_uid}"
        # In a folder like /tmp only the owner of a file can take it away.
        sticky = place != real and bool(found.st_mode & stat.S_ISVTX)
        group = bool(found.st_mode & stat.S_IWGRP) and found.st_gid not in (0, os.getegid())
        if (group or found.st_mode & stat.S_IWOTH) and not sticky:
            return f"{what} can be written by others (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""
