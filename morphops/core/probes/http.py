"""The probe `http`: a published port answers a GET as expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from morphops.core.probes.body import unmet
from morphops.core.probes.kind import Asks, Patience, ProbeKind, header_findings, path_findings
from morphops.core.probes.values import brief
from morphops.core.verify.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Http(ProbeKind):
    """A published port answers a GET as expected.

    Attributes:
        service, port: the published container port.
        judges: services whose answers come through `service`, beside those that it depends on.
        path: the URL's path.
        headers: what is sent beside the usual ones, such as `Host`.
        status: the status code of the first answer: no redirect is followed.
        expect: JMESPath on the JSON body that must be true; empty: the body does not matter.
        deadline, interval: seconds.
    """

    kind: Literal["http"]
    service: str
    port: int
    path: str = "/"
    judges: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    expect: str = ""
    deadline: float = 30.0
    interval: float = 0.5

    @property
    def asks(self) -> Asks:
        """See `ProbeKind.asks`."""
        return Asks(
            (self.service,),
            judges=self.judges,
            port=self.port,
            expressions={"expect": self.expect},
        )

    @property
    def patience(self) -> Patience:
        """See `ProbeKind.patience`."""
        return Patience(self.deadline, self.interval)

    def own_findings(self) -> list[str]:
        """See `ProbeKind.own_findings`."""
        return [*header_findings(self.headers), *path_findings(self.path)]

    def judge(self, status: int, body: bytes, location: str = "") -> Reading:
        """Compare the first answer with what is expected.

        Args:
            status: its status code.
            body: its body.
            location: where it redirects to; empty where it does not.
        """
        if status != self.status:
            to = f", which redirects to {brief(location)}" if location else ""
            return Reading(False, f"{self.service} answers HTTP {status}{to}")
        fine = Reading(True, f"{self.service} answers HTTP {status}")
        return unmet(self.expect, body, self.service) or fine
