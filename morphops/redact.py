"""Takes secret values out of text before anyone sees it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

MASK = "REDACTED"
# Shorter values would tear holes into ordinary words, and are no secrets worth the name.
_SHORTEST = 6


class Redactor:
    """Replaces every known secret value, also where it stands URL-encoded or inside a URL.

    Args:
        secrets: the values that must never be seen.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: list[str] = []
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Know more secrets from now on; an env file is read later than the first error can be."""
        forms = set(self._forms)
        for secret in secrets:
            forms |= _forms(secret)
        # The longest first, so that a secret that contains another leaves no rest behind.
        self._forms = sorted((f for f in forms if len(f) >= _SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by `REDACTED`."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        """The same for each of several lines."""
        return tuple(self(line) for line in lines)


def _forms(secret: str) -> set[str]:
    """A secret as it may turn up: whole, quoted, and, for a URL, each part that can hold a key."""
    if not secret:
        return set()
    parts = {secret, quote(secret, safe=""), quote(secret)}
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
    return {part for part in parts if part}
