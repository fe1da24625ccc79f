"""The life of a service: signals, logs, the event loop, and an HTTP server that drains."""

import gc
import logging
import signal
import socket
import sys
from collections.abc import Coroutine
from typing import Any, Final, NoReturn

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from morphogen_http.acceptor import Acceptor, Shedding
from morphogen_http.connection import (
    AsgiApp,
    Bounds,
    Connections,
    StopWhenClientGoes,
)

# A drain ends at the latest after this; the container's stop grace period should be longer.
DRAIN_SECONDS: Final = 30
BOUNDS: Final = Bounds()


def exit_quietly_on_signals() -> None:
    """Make SIGTERM and SIGINT an exit with code 0, also for a process that is pid 1.

    uvicorn takes both signals while it runs, drains, and gives them back to the handler that
    stood before it: this one.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)


def log_to_stderr() -> None:
    """Own messages from INFO, libraries' from WARNING or, where clients cause them, ERROR."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    for library, level in {
        "uvicorn": logging.ERROR,
        "aiohttp": logging.WARNING,
        "asyncio": logging.WARNING,
    }.items():
        logging.getLogger(library).setLevel(level)


def run(serving: Coroutine[Any, Any, None]) -> None:
    """Run `serving` to its end."""
    # What exists by now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    uvloop.run(serving)


class _Server(uvicorn.Server):
    """Takes connections in a way of its own; everything else is uvicorn's."""

    def __init__(
        self,
        config: uvicorn.Config,
        protocol: type[HttpToolsProtocol],
        shedding: Shedding | None,
    ) -> None:
        super().__init__(config)
        self._protocol = protocol
        self._shedding = shedding

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, then listen on `sockets`."""
        await super().startup(sockets=[])
        self.servers.extend(
            Acceptor(listener, self._make_protocol, self._shedding)  # type: ignore[misc]
            for listener in sockets or []
        )

    def _make_protocol(self) -> HttpToolsProtocol:
        return self._protocol(self.config, self.server_state, self.lifespan.state)


def http_server(
    app: AsgiApp, bounds: Bounds = BOUNDS, shedding: Shedding | None = None
) -> uvicorn.Server:
    """A server without an access log that finishes what is in flight before it stops.

    Args:
        app: answers requests; it is cancelled where the client goes before the answer.
        bounds: what connections may take.
        shedding: refuses requests under load before the app sees them.
    """
    connections = Connections(bounds, shedding)
    protocol = connections.protocol()
    return _Server(
        uvicorn.Config(
            StopWhenClientGoes(app),
            http=protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=bounds.idle_seconds,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            callback_notify=connections.sweep,
            timeout_notify=0,
        ),
        protocol,
        shedding,
    )


def startup_failed(program: str, reason: str) -> int:
    """Say in one line on stderr why the service does not start; returns the exit code."""
    print(f"{program} startup failed: {' '.join(reason.split())}", file=sys.stderr)
    return 1


def _exit(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)
