"""Words that neither the documents nor the code use, each with the plain one."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Words of our own making, of another century, or that say less than the field's term.
HOUSE_WORDS = {
    r"ways? back": "automatic rollback",
    r"cut[- ]off": "incomplete, interrupted",
    r"mend(s|ed|ing)?": "fix",
    r"who(so)?ever": "the operator, everyone who",
    r"anew": "again",
    r"ere": "before",
    r"shall": "must",
    r"(w|t|)hither": "where",
    r"(is|are) none of": "is not",
    r"by (itself|themselves)": "automatic",
    r"behind (its|our|their) backs?": "without a deploy",
    r"astray": "wrong",
    r"(some|no)body": "a person, another operator",
    r"of (then|now)": "old, current",
    r"in vain": "without success",
    r"to be had": "available",
    r"all the same": "anyway",
    r"come[s]? to nothing": "fails",
    r"(is|are) told of": "is reported",
    r"is at it": "holds the lock",
    r"last words": "last log lines",
    r"let(s|ting)? go( of)?": "release, remove",
}

_EACH = {re.compile(rf"\b{word}\b", re.IGNORECASE): plain for word, plain in HOUSE_WORDS.items()}
# Most texts have none of them: to look for all at once is ten times as fast.
_ANY = re.compile("|".join(word.pattern for word in _EACH), re.IGNORECASE)


def found_in(text: str) -> Iterator[str]:
    """What to say of each house word of a text; of several that are the same, of the first."""
    if not _ANY.search(text):
        return
    for word, plain in _EACH.items():
        if found := word.search(text):
            yield f"{found[0]!r}; write {plain!r}"
