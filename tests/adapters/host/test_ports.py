"""A port is taken where somebody has it, and not where we only may not have it ourselves."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from morphops.adapters.host import ports
from tests.machine import somebody


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "", "0.0.0.0"])
def test_who_has_a_port_has_it_in_one_protocol(protocol: str, host: str) -> None:
    with somebody(protocol) as port:
        found = {kind: ports.taken(host, port, kind) for kind in ("tcp", "udp", "sctp")}
    assert found == {"tcp": False, "udp": False, "sctp": False} | {protocol: True}


@pytest.mark.parametrize(
    ("refusal", "is_taken"),
    [
        (errno.EADDRINUSE, True),
        (errno.EACCES, False),  # below 1024, for who is not root; the engine is
        (errno.EPERM, False),
        (errno.EADDRNOTAVAIL, False),  # an address of another machine
        (errno.EAFNOSUPPORT, False),
    ],
)
@pytest.mark.parametrize("where", ["__init__", "bind"])
def test_only_what_says_so_counts(
    monkeypatch: pytest.MonkeyPatch, where: str, refusal: int, is_taken: bool
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError(refusal, os.strerror(refusal))

    class Refusing(socket.socket):
        pass

    setattr(Refusing, where, refuse)
    monkeypatch.setattr("morphops.adapters.host.ports.socket.socket", Refusing)
    assert ports.taken("::1", 53) == is_taken


def test_no_address_of_this_machine_is_no_port_that_is_taken() -> None:
    assert not ports.taken("192.0.2.1", 8080)
    assert not ports.taken("no such host", 8080)
