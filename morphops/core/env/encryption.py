"""What an encrypted file looks like (age; C2SP: age-encryption.org/v1). Pure."""

from __future__ import annotations

import re

SUFFIX = ".age"

RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")

_MAGIC = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")


def is_encrypted(data: bytes) -> bool:
    """Whether a file is age's, by its first bytes."""
    return data.lstrip().startswith(_MAGIC)
