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
_HEX_SEPARATOR = "[: ]?"  # `ab:cd` and `ab cd` are how keys and dumps are shown
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
        any_case: whether digits may be upper case.
    """

    core: str
    pattern: str
    any_case: bool = False

    def is_in(self, text: str, lowered: str) -> bool:
        """Whether the text may have it.

        Args:
            text: where.
            lowered: the same in lower case.
        """
        return self.core in (lowered if self.any_case else text)


def encodings(secrets: Iterable[str]) -> Iterator[Encoding]:
    """Yield each way in which one of the texts may be encoded."""
    for secret in secrets:
        data = secret.encode(errors="surrogatepass")
        digits = data.hex()
        pairs = (digits[at : at + 2] for at in range(0, len(digits), 2))
        # Only two digits stand together whatever the separator.
        yield Encoding(digits[:2], f"(?i:{_HEX_SEPARATOR.join(pairs)})", any_case=True)
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
