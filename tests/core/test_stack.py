"""What crosses the seam to a platform."""

from __future__ import annotations

import pytest

from morphops.core.stack import Port
from tests.samples.probes import container


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "machine:9"),
        ("0.0.0.0", "machine:9"),
        ("::", "machine:9"),
        ("127.0.0.2", "127.0.0.2:9"),
        ("10.0.0.1", "10.0.0.1:9"),
        ("::1", "[::1]:9"),
    ],
)
def test_where_a_port_is_published(host: str, address: str) -> None:
    ports = (Port("127.0.0.1", 7, 79), Port(host, 8, 80, "udp"), Port(host, 9, 80))
    one = container(ports=ports)
    assert one.published_at(80, "machine") == address
    assert one.published_at(81, "machine") == ""


def test_a_machine_with_a_numeric_address() -> None:
    assert container(ports=(Port("", 9, 80),)).published_at(80, "::1") == "[::1]:9"
