"""The probe `inside`: a URL is fetched from inside of the stack's network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from morphops.core.probes.body import unmet
from morphops.core.probes.kind import Asks, Patience, ProbeKind
from morphops.core.schema import more_than_zero
from morphops.core.verify.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside(ProbeKind):
    """A URL is fetched from inside of a service's container, so no port has to be published.

    Attributes:
        service: from whose container; its image has curl or wget.
        url: by the names of the stack's network (`http://api:8000/health`); no secret may stand
            here.
        expect: JMESPath on the JSON body that must be true; empty: that it answers well is enough.
        judges: services whose answers it gets, such as the one in the URL, beside those that
            `service` depends on.
        timeout: seconds for one answer.
        deadline, interval: seconds.
    """

    kind: Literal["inside"]
    service: str
    url: str
    expect: str = ""
    judges: tuple[str, ...] = ()
    timeout: float = 5.0
    deadline: float = 30.0
    interval: float = 0.5

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        return Asks((self.service,), judges=self.judges, expressions={"expect": self.expect})

    @property
    def patience(self) -> Patience:
        """See `ProbeKind.patience`."""
        return Patience(self.deadline, self.interval)

    def own_findings(self) -> list[str]:
        """See `ProbeKind.own_findings`."""
        fine = self.url.startswith(("http://", "https://"))
        return [
            *([] if fine else [f"url: {self.url!r} does not begin with http:// or https://"]),
            *more_than_zero(timeout=self.timeout),
        ]

    def judge(self, body: bytes) -> Reading:
        """Compare the body of a good answer with what is expected."""
        fine = Reading(True, f"{self.url} answers {self.service}")
        return unmet(self.expect, body, self.url) or fine
