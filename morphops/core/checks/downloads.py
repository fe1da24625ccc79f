"""What a build takes from the network, and may get differently tomorrow. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_REMOTE = re.compile(r"(https?|git|ftp|ssh)://|[\w.-]+@[\w.-]+:")
_COMMIT = re.compile(r"#[0-9a-f]{40}([0-9a-f]{24})?(:|$)")  # a Git URL that names one
_GETS = r"\b(?:curl|wget)\b"
_AS = r"(?:sudo\s+(?:-\S+\s+)*|env\s+|exec\s+|\w+=\S*\s+)*(?:\S*/)?"
_SH = r"(?:ba|da|z|a|k)?sh\b(?!\s+-c)"
# These run what they read from stdin if no program is named; `| python3 -m json.tool` names one.
_OTHER = r"(?:python[\d.]*|perl|ruby|node|php)(?=\s*(?:$|[;&|)\"'\n]|-(?:\s|$)))"
_PIPED = re.compile(
    rf"{_GETS}(?:[^|;&\n]|>&)*(?:\|(?:[^|;&\n]|>&)*)*?\|&?\s*{_AS}(?:{_SH}|{_OTHER})"
)
_INTO = r"(?:\$\(|`)"
_SUBSTITUTED = re.compile(
    r"(?:(?<![\w.-])(?:(?:ba|da|z|a|k)?sh|python[\d.]*|perl|ruby|node|source)|(?<=[\s;&|(])\.)"
    rf"(?:\s+-\S+)*(?:\s+-\w*[ce]\s*[\"']?{_INTO}|\s*<<<\s*[\"']?{_INTO}|\s*<?\s*<\()"
    rf"\s*(?:sudo\s+)?(?:\S*/)?{_GETS}"
    rf"|(?<![\w.-])eval\s+[\"']?{_INTO}\s*(?:sudo\s+)?(?:\S*/)?{_GETS}"
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def runs_download(command: str) -> bool:
    """Returns whether a shell command runs what it downloads (`curl … | sh`)."""
    plain = _QUOTED.sub("''", command)  # in quotes, `|` and `&` belong to a URL
    return bool(_PIPED.search(command) or _PIPED.search(plain) or _SUBSTITUTED.search(command))


def unpinned(sources: Iterable[str], *, git: bool) -> Iterator[str]:
    """Yields the URLs that name no commit, without what may be a secret in them.

    Args:
        sources: what an ADD adds.
        git: yield Git repositories; else other URLs.
    """
    for source in sources:
        remote = _REMOTE.match(source)
        if remote and not _COMMIT.search(source):
            is_git = "@" in remote[0] or remote[1] in ("git", "ssh") or ".git" in source
            if is_git == git:
                yield re.sub(r"(?<=://)[^/@]*@", "", source.partition("?")[0])
