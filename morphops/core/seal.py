"""Keyed digests: they tell whether something is the same, and nothing else of it. Pure."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

from morphops.core.release.digest import canonical_json

# Hex digits; 64 bits, so that two that are equal by chance need not be thought of.
_LENGTH = 16
_NAME = b"the name of this key"


@dataclass(frozen=True, slots=True)
class Seal:
    """Makes digests that cannot be made without its key: HMAC-SHA256 (RFC 2104).

    A plain hash of a short password can be guessed by everyone who sees it. Labels of containers
    are seen by many: by `docker inspect`, by whatever collects metrics and logs.

    Attributes:
        key: 32 random bytes of the state folder; never shown.
    """

    key: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """Tells keys apart, and says nothing of them: digests of two keys cannot be compared."""
        return self.digest(_NAME)[: _LENGTH // 2]

    def digest(self, data: bytes) -> str:
        """The digest of some bytes: 16 hex digits."""
        return hmac.new(self.key, data, hashlib.sha256).hexdigest()[:_LENGTH]

    def of(self, value: Any) -> str:
        """The digest of a value that JSON can say."""
        return self.digest(canonical_json(value))


# Of what is never started: its digests tell two renderings apart, and they are never seen.
UNSEALED = Seal()
