"""The listening socket, as the event loop sees it."""

import socket

import pytest

from morphogen_http.bind import BindAddress, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_accepted_connection_can_be_told_to_be_tcp(host: str) -> None:
    """asyncio sets TCP_NODELAY on a connection only where the socket names its protocol."""
    with listen(BindAddress(host, 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP
        with socket.create_connection(listener.getsockname()[:2]):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.proto == socket.IPPROTO_TCP


def test_a_taken_port_is_an_error() -> None:
    with listen(BindAddress("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="in use"):
        listen(BindAddress("127.0.0.1", listener.getsockname()[1]))
