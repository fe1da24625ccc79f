"""The probe `same`: several documents say the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from morphops.core.jmespath import search
from morphops.core.probes.kind import Asks, ProbeKind, too_few
from morphops.core.probes.values import brief
from morphops.core.verify.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Same(ProbeKind):
    """Several documents say the same.

    Attributes:
        documents: two or more names.
        fields: label → JMESPath, evaluated on each of them.
    """

    offline: ClassVar[bool] = True

    kind: Literal["same"]
    documents: tuple[str, ...]
    fields: Mapping[str, str]

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        expressions = {f"fields/{label}": text for label, text in self.fields.items()}
        return Asks(documents=self.documents, expressions=expressions)

    def own_findings(self) -> list[str]:
        """See `ProbeKind.own_findings`."""
        return too_few("documents", self.documents)

    def judge(self, documents: Mapping[str, Any]) -> Reading:
        """Compare the documents with each other.

        Args:
            documents: name → its JSON.
        """
        differing = []
        for label, expression in self.fields.items():
            values = {name: search(expression, documents[name]) for name in self.documents}
            if any(value is None for value in values.values()):
                silent = ", ".join(name for name, value in values.items() if value is None)
                differing.append(f"{label}: {silent} does not say")
            elif len({json.dumps(value, sort_keys=True) for value in values.values()}) > 1:
                said = "; ".join(f"{name} says {brief(value)}" for name, value in values.items())
                differing.append(f"{label}: {said}")
        names = " and ".join(self.documents)
        if differing:
            return Reading(False, f"{names} are not the same", tuple(differing), final=True)
        return Reading(True, f"{names} say the same")
