"""Two lanes for private reads: one for all, and a small one for the checks of the operator.

Load in the first takes nothing from the second, so a release is judged by its answers and not by
who else asks. The second is asked for by `POST /?lane=checks`, and only from the machine itself:
over loopback, or through a port published on the host, which a container sees as its gateway. From
anywhere else the same request goes into the first lane.
"""

import ipaddress
from pathlib import Path
from typing import Final

from morphogen_http.admission import Admission, Limits
from morphogen_rpc_adapter.config import AdapterSettings
from morphogen_rpc_adapter.jsonrpc import MAX_BATCH

CHECKS: Final = "checks"
_CHECKS_LIMITS: Final = Limits(in_flight=4, waiting=MAX_BATCH, seconds=2.0)
_ROUTES: Final = Path("/proc/net/route")


class Lanes:
    """Who is let in where.

    Attributes:
        public: for all.
        checks: for checks from this machine.
    """

    def __init__(self, settings: AdapterSettings, gateways: frozenset[str]) -> None:
        waiting = max(MAX_BATCH, 2 * settings.max_in_flight)
        self.public = Admission(Limits(settings.max_in_flight, waiting, settings.queue_deadline))
        self.checks = Admission(_CHECKS_LIMITS)
        self._gateways = gateways

    def of(self, lane: str | None, peer: str) -> Admission:
        """The lane of a request.

        Args:
            lane: what the request asks for.
            peer: the address that it came from.
        """
        return self.checks if lane == CHECKS and self._is_near(peer) else self.public

    def _is_near(self, peer: str) -> bool:
        try:
            return peer in self._gateways or ipaddress.ip_address(peer).is_loopback
        except ValueError:  # no address at all
            return False


def gateways(table: str) -> frozenset[str]:
    """The addresses of the default gateways in the kernel's table of IPv4 routes."""
    found = set()
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 2 and fields[1] == "00000000" and fields[2] != "00000000":
            address = bytes.fromhex(fields[2])[::-1]  # the kernel writes it little-endian
            found.add(str(ipaddress.IPv4Address(address)))
    return frozenset(found)


def gateways_here() -> frozenset[str]:
    """The gateways of this machine or container; none where the system does not say."""
    try:
        return gateways(_ROUTES.read_text())
    except (OSError, ValueError):
        return frozenset()
