"""The listening socket, as the event loop sees it."""

import socket

import pytest

from morphogen_http.bind import BindAddress, listen


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_on_an_accepted_connection_leaves_at_once(host: str) -> None:
    """Without TCP_NODELAY its second part waits for the acknowledgement of the first."""
    with (
        listen(BindAddress(host, 0)) as listener,
        socket.create_connection(listener.getsockname()[:2]),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_taken_port_is_an_error() -> None:
    with listen(BindAddress("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="in use"):
        listen(BindAddress("127.0.0.1", listener.getsockname()[1]))
