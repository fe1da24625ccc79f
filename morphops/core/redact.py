"""Takes secret values out of text before anyone sees it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from morphops.core import encoded

MASK = "REDACTED"
# Shorter values would tear holes into ordinary words, and are no secrets worth the name.
_SHORTEST = 6
_COLOUR = re.compile("\x1b\\[[0-9;]*m")  # ECMA-48, 8.3.117


class Redactor:
    """Replaces every known secret value, also as a part of a URL, encoded or escaped.

    One that stands in base64 is found in pieces of it at any place; see `encoded`.

    Args:
        secrets: the values that must never be seen.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._texts: set[str] = set()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Know more secrets from now on; an env file is read later than the first error can be."""
        for secret in secrets:
            self._texts |= {text for text in _texts(secret) if len(text) >= _SHORTEST}
        # The longest first, so that a secret that contains another leaves no rest behind; all in
        # one pass, so that the mask is not searched again.
        longest_first = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_pattern, longest_first)))
        self._encodings = tuple(dict.fromkeys(encoded.encodings(longest_first)))

    def __call__(self, text: str) -> str:
        """The text with each secret replaced by `REDACTED`."""
        if not self._texts:
            return text
        if "\x1b" in text:
            # A colour may begin in the middle of a secret. Then the text is shown without colours.
            bare = _COLOUR.sub("", text)
            text = bare if self._pattern.search(bare) else text
        return self._decoded(self._pattern.sub(MASK, text))

    def _decoded(self, text: str) -> str:
        found = encoded.within(self._encodings, text)
        return re.sub("|".join(found), MASK, text) if found else text

    def lines(self, lines: Iterable[str]) -> tuple[str, ...]:
        """The same for each of several lines."""
        return tuple(self(line) for line in lines)

    def within(self, value: Any) -> Any:
        """The same for every text in a JSON value; in its written form a secret may be escaped."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self(str(key)): self.within(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.within(inner) for inner in value]
        return value


def _texts(secret: str) -> set[str]:
    """A secret and each of its parts, as they stand and decoded."""
    parts = _parts(secret) | {line.strip() for line in secret.splitlines()}
    return {text for part in parts for text in (part, unquote(part))}


def _pattern(text: str) -> str:
    """What a text looks like wherever it is written: each character in any of its forms."""
    pattern = ""
    for run, char in re.findall(r"(\\*)([^\\]?)", text, re.DOTALL):
        # A run of backslashes in a text is tried from its beginning only. To begin at each of them
        # would take a time that grows with the square of the run.
        first = "" if pattern else r"(?<!\\)"
        pattern += _run(len(run), first) if run else ""
        pattern += _forms(char, first, after_run=bool(run)) if char else ""
    return pattern


def _run(count: int, first: str) -> str:
    # Of each there are two where it is escaped, four where that is. All that are there are taken,
    # with those that escape what follows: to try how many is slow.
    return rf"(?:{first}\\{{{count},}}+|(?:%(?:25)*5[cC]){{{count}}})"


def _forms(char: str, first: str, *, after_run: bool) -> str:
    """A character as it stands, percent-encoded (RFC 3986), and escaped (JSON, RFC 8259)."""
    if char.isascii() and char.isalnum():
        return char
    some, any_ = ("", "") if after_run else (rf"{first}\\++", rf"{first}\\*+")
    octets = "".join(f"%(?:25)*{byte:02x}" for byte in char.encode(errors="surrogatepass"))
    units = char.encode("utf-16-be", errors="surrogatepass").hex()
    escaped = r"\\++".join(f"u{units[at : at + 4]}" for at in range(0, len(units), 4))
    # As it stands comes last: of a `%` that is `%25` nothing is to be left.
    forms = [f"(?i:{octets})", f"{some}(?i:{escaped})", f"{any_}{re.escape(char)}"]
    if not char.isascii():  # as Python shows bytes
        data = char.encode(errors="surrogatepass")
        forms.append(some + r"\\++".join(f"(?i:x{byte:02x})" for byte in data))
    if char in _ESCAPES:
        forms.append(some + _ESCAPES[char])
    if char == " ":  # of a form (application/x-www-form-urlencoded)
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}


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
