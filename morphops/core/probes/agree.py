"""The probe `agree`: several services answer alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from morphops.core.jmespath import search
from morphops.core.probes.kind import Asks, Patience, ProbeKind, too_few
from morphops.core.probes.values import brief
from morphops.core.verify.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Agree(ProbeKind):
    """Several services answer alike, several times in a row, and as a document says.

    Attributes:
        services: the services that are asked; `url` is fetched from inside of each.
        url: answers JSON.
        fields: label → JMESPath; all services must give equal values.
        document: the document to compare with, if any.
        matches: label of `fields` → JMESPath into the document.
        show: labels that `status` shows.
        reads: how many equal reads in a row count as stable.
        deadline, interval: seconds.
    """

    watched: ClassVar[bool] = True

    kind: Literal["agree"]
    services: tuple[str, ...]
    url: str
    fields: Mapping[str, str]
    document: str = ""
    matches: Mapping[str, str] = field(default_factory=dict)
    show: tuple[str, ...] = ()
    reads: int = 3
    deadline: float = 30.0
    interval: float = 0.5

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        expressions = {f"fields/{label}": text for label, text in self.fields.items()}
        expressions |= {f"matches/{label}": text for label, text in self.matches.items()}
        documents = (self.document,) if self.document else ()
        return Asks(self.services, documents, expressions=expressions)

    @property
    def patience(self) -> Patience:
        """See `ProbeKind.patience`."""
        return Patience(self.deadline, self.interval)

    def own_findings(self) -> list[str]:
        """See `ProbeKind.own_findings`."""
        return [
            *too_few("services", self.services),
            *(
                f"{key}: {label!r} is not in `fields`"
                for key, labels in (("matches", tuple(self.matches)), ("show", self.show))
                for label in labels
                if label not in self.fields
            ),
        ]

    def judge(self, answers: Mapping[str, Any], document: Any) -> tuple[Reading, Mapping[str, Any]]:
        """Compare one round of answers with each other, and with the document.

        Args:
            answers: service → its JSON answer.
            document: what to compare with; None for nothing.

        Returns:
            the reading, and label → value for the comparison with other rounds.
        """
        seen: dict[str, dict[str, Any]] = {
            service: {label: search(text, answer) for label, text in self.fields.items()}
            for service, answer in answers.items()
        }
        first = next(iter(seen.values()))
        problems = tuple(filter(None, (self._problem(label, seen, document) for label in first)))
        if problems:
            return Reading(False, "; ".join(problems), problems), first
        shown = {label: first[label] for label in self.show}
        said = ", ".join(f"{label} {brief(value)}" for label, value in shown.items())
        return Reading(True, f"{' and '.join(seen)} agree: {said}", facts=shown), first

    def _problem(self, label: str, seen: Mapping[str, Mapping[str, Any]], document: Any) -> str:
        """What is wrong with one field; empty where it is right."""
        values = {service: fields[label] for service, fields in seen.items()}
        first, *others = values.values()
        if any(value != first for value in others):
            said = "; ".join(f"{service} says {brief(v)}" for service, v in values.items())
            return f"{label}: {said}"
        if first is None:  # to be silent together is not to agree
            return f"{label}: {', '.join(seen)} does not say"
        if label in self.matches and document is not None:
            expected = search(self.matches[label], document)
            if first != expected:
                return f"{label}: served {brief(first)}, the document says {brief(expected)}"
        return ""
