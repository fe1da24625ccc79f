"""What a secret looks like where it stands encoded, in base64 or in hexadecimal digits. Pure.

Base64 (RFC 4648) writes three bytes as four characters. So what a secret looks like depends on how
many bytes stand before it, and there are three ways. One such place is the header of a Basic
authorization. The characters at its ends depend on the bytes around it, too, and are taken for a
part of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_ALPHABET = "[A-Za-z0-9+/_-]"
_SEPARATORS = ": "  # `ab:cd` and `ab cd` are how keys and dumps are shown
# What a character is, and how it is written in a URL and in JSON.
_WRITTEN = {
    "+": r"(?:\+|%(?:25)*2[bB]|\\*u002[bB])",
    "/": r"(?:\\*/|%(?:25)*2[fF])",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way in which a secret is encoded.

    Attributes:
        core: characters that are there wherever it stands, to look for first: that is fast.
        pattern: the whole of it.
        digits: whether they are hexadecimal, in any case and with separators.
    """

    core: str
    pattern: str
    digits: bool = False


def within(encodings: Iterable[Encoding], text: str) -> list[str]:
    """The patterns of those encodings that a text may have."""
    squeezed = text.lower()
    for separator in _SEPARATORS:
        squeezed = squeezed.replace(separator, "")
    return [e.pattern for e in encodings if e.core in (squeezed if e.digits else text)]


def encodings(secrets: Iterable[str]) -> Iterator[Encoding]:
    """Yield each way in which one of the texts may be encoded."""
    for secret in secrets:
        data = secret.encode(errors="surrogatepass")
        digits = data.hex()
        pairs = (digits[at : at + 2] for at in range(0, len(digits), 2))
        yield Encoding(digits, f"(?i:{f'[{_SEPARATORS}]?'.join(pairs)})", digits=True)
        for before in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield _base64(encode(bytes(before) + data).decode(), before, len(data))


def _base64(written: str, before: int, size: int) -> Encoding:
    """How a secret looks behind so many bytes more.

    Args:
        written: zeros and the secret, in base64.
        before: how many zeros.
        size: bytes of the secret.
    """
    whole = written[-(-before * 8 // 6) : (before + size) * 8 // 6]
    core = max(re.findall("[A-Za-z0-9]*", whole), key=len)
    text = "".join(_WRITTEN.get(char, char) for char in whole)
    ends = [rf"{_ALPHABET}?" if (before * 8) % 6 else "", rf"(?:{_ALPHABET}?(?:=|%3[dD])*)"]
    return Encoding(core, f"{ends[0]}{text}{ends[1]}")
