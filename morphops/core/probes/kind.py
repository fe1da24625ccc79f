"""What every kind of probe answers about itself.

To add a kind: a class in a module of its own here, listed in `specs`; and a reader in
`adapters/probes`, listed in its table.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from morphops.core.jmespath import syntax_error
from morphops.core.schema import not_negative

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_VALUE = re.compile(r"[\x20-\x7e]+")

if TYPE_CHECKING:
    from morphops.core.bundle.schema import Bundle


@dataclass(frozen=True, slots=True)
class Asks:
    """What a probe looks at.

    Attributes:
        services: the services that it asks.
        documents: the documents that it reads.
        port: the published container port that it asks through; 0 where it uses none.
        expressions: path of the key → JMESPath; an empty text is a key that was left out.
        judges: the services whose answers come through those that it asks.
    """

    services: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    port: int = 0
    expressions: Mapping[str, str] = field(default_factory=dict)
    judges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a probe is looked at again; with `deadline` 0 there is one look. Seconds."""

    deadline: float = 0.0
    interval: float = 0.0


class ProbeKind(ABC):
    """The base of every kind of probe.

    Attributes:
        offline: it looks at files only, so it can be a check before the first container is touched.
        watched: one look is cheap, so `inv status` and `inv drift` look too.
    """

    __slots__ = ()
    offline: ClassVar[bool] = False
    watched: ClassVar[bool] = False

    @property
    @abstractmethod
    def asks(self) -> Asks:
        """What it looks at."""

    @property
    def patience(self) -> Patience:
        """How long it is looked at again; once, unless the kind says otherwise."""
        return Patience()

    def own_findings(self) -> list[str]:
        """What is wrong with its keys beyond what `asks` and `patience` say; none by default."""
        return []

    def findings(self, bundle: Bundle) -> list[str]:
        """What is wrong with it beside the rest of the bundle, each `key: what`."""
        asks, patience = self.asks, self.patience
        return [
            *not_negative(deadline=patience.deadline, interval=patience.interval),
            *self.own_findings(),
            *(
                f"document: no such document {name!r}"
                for name in asks.documents
                if name not in bundle.documents
            ),
            *(f"judges: {n!r} is in no wave" for n in asks.judges if n not in bundle.services),
            *(f"judges: {n!r} is what is asked already" for n in asks.judges if n in asks.services),
            *(f"services: {n!r} is in no wave" for n in asks.services if n not in bundle.services),
            *(
                f"{key}: {why}"
                for key, text in asks.expressions.items()
                if text and (why := syntax_error(text))
            ),
        ]


def header_findings(headers: Mapping[str, str]) -> list[str]:
    """What is wrong with headers that a probe sends (RFC 9110, 5.1 and 5.5)."""
    return [
        f"headers/{name}: a name of letters, digits and hyphens, and a value in one line"
        for name, value in headers.items()
        if not _HEADER.fullmatch(name) or not _VALUE.fullmatch(value)
    ]


def path_findings(path: str) -> list[str]:
    """What is wrong with the path of a URL that a probe asks for."""
    fine = path.startswith("/") and _VALUE.fullmatch(path)
    return [] if fine else [f"path: {path!r} does not begin with /"]


def too_few(key: str, names: tuple[str, ...]) -> list[str]:
    """A finding where fewer than two different things would be compared."""
    if len(set(names)) < 2:
        return [f"{key}: name two different ones at least, or nothing is compared"]
    return []
