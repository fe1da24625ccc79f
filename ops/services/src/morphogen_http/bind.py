"""Listening addresses: `127.0.0.1:3000`, `[::1]:3000`; port 0 lets the system choose."""

import re
import socket
from dataclasses import dataclass
from typing import Final

_ADDRESS = re.compile(
    r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[^\[\]:\s]+)):(?P<port>[0-9]{1,5})\Z"
)
_BACKLOG: Final = 2048


@dataclass(frozen=True, slots=True)
class BindAddress:
    """Where a service listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_bind_address(text: str) -> BindAddress:
    """Read `host:port`.

    Raises:
        ValueError: when it is not that.
    """
    match = _ADDRESS.match(text)
    if not match or int(match["port"]) > 65535:
        raise ValueError("must be host:port, with a port up to 65535")
    return BindAddress(match["v6"] or match["host"], int(match["port"]))


def listen(address: BindAddress) -> socket.socket:
    """A listening socket; bound before anything else, so that a taken port is a plain error.

    Raises:
        OSError: when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # What is accepted inherits it. Without it an answer waits 40 ms for the acknowledgement of
        # its first part.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def bound_address(listener: socket.socket) -> BindAddress:
    """What `listener` is really bound to (the port, where 0 was asked for)."""
    host, port = listener.getsockname()[:2]
    return BindAddress(host, port)
