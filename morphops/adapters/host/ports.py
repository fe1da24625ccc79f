"""Whether a port of this machine is taken: found out by trying to have it."""

from __future__ import annotations

import errno
import socket

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def taken(host: str, port: int, protocol: str = "tcp") -> bool:
    """Whether it is taken.

    Only "address in use" counts. A user who may not bind a low port proves nothing, and neither
    does a machine without that address. The engine may still be able to bind it.

    Args:
        host: the address; empty for all.
        port: the number.
        protocol: `tcp` or `udp`; another one is not tried.
    """
    kind = _KINDS.get(protocol)
    if kind is None:
        return False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # As servers bind: what a closed connection left behind does not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), port))
    except OSError as err:
        return err.errno == errno.EADDRINUSE
    return False
