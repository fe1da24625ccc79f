"""Takes secret values out of text before anyone sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK = "REDACTED"
# Shorter values would tear holes into ordinary words, and are no secrets worth the name.
_SHORTEST = 6


class Redactor:
    """Replaces every known secret value, also where it stands URL-encoded or inside a URL.

    Args:
        secrets: the values that must never be seen.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Know more secrets from now on; an env file is read later than the first error can be."""
        for secret in secrets:
            self._forms |= {form for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first, so that a secret that contains another leaves no rest behind; all in
        # one pass, so that the mask is not searched again.
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by `REDACTED`."""
        return self._pattern.sub(MASK, text) if self._forms else text

    def lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        """The same for each of several lines."""
        return tuple(self(line) for line in lines)


def _forms(secret: str) -> set[str]:
    """A secret as it may turn up: it and each of its parts, as they stand, decoded, and encoded."""
    forms = set()
    for part in _parts(secret):
        for text in (part, unquote(part)):
            forms |= {text, quote(text), quote(text, safe=""), quote_plus(text)}
    return forms


def _parts(secret: str) -> set[str]:
    """The whole, and for a URL every part that can hold a key."""
    parts = {secret}
    if "://" in secret:
        try:
            url = urlsplit(secret)
        except ValueError:
            return parts
        parts |= {url.username or "", url.password or "", url.query}
        parts |= {piece for piece in url.path.split("/") if len(piece) >= 8}
        parts |= {pair.partition("=")[2] for pair in url.query.split("&")}
        if url.query or (url.path not in ("", "/")):
            parts.add(f"{url.path}?{url.query}" if url.query else url.path)
    return parts
