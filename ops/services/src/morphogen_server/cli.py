"""`morphogen-server`: reads the configuration, loads the matrix, serves until told to stop."""

import argparse
import asyncio
import logging
import os
import socket
from collections.abc import Sequence
from typing import NoReturn

import uvicorn

from morphogen_http.bind import bound_address, listen
from morphogen_http.process import (
    exit_quietly_on_signals,
    http_server,
    log_to_stderr,
    run,
    startup_failed,
)
from morphogen_server.app import Server, make_app
from morphogen_server.config import ConfigError, ServerSettings, load_settings
from morphogen_server.epoch import check_sizes, load_matrix, make_epoch

log = logging.getLogger("morphogen_server")

_EPILOG = """\
Every setting has a variable, MORPHOGEN_SERVER_<NAME>, and a key in the JSON file, <name>; the
flags above are those of daily use. Command line wins over environment wins over file, and an
empty variable counts as unset. What belongs to a snapshot stands in its manifest.json:

  MORPHOGEN_SERVER_ROW_SIZE_BYTES=32      row_size_bytes
  MORPHOGEN_SERVER_SEEDS=4660,22136,39612 seeds
  MORPHOGEN_SERVER_BLOCK_NUMBER=0         block_number
  MORPHOGEN_SERVER_STATE_ROOT=0x…         state_root
  MORPHOGEN_SERVER_PAGE_DOMAIN_BITS=9     page.domain_bits

In prod the page keys are required, and equal on both servers of a pair:

  MORPHOGEN_SERVER_PAGE_PRG_KEY_0=<32 hex digits>
  MORPHOGEN_SERVER_PAGE_PRG_KEY_1=<32 other hex digits>

To try it: morphogen-server --environment=dev --allow-synthetic-matrix

exit codes: 0 stopped by SIGTERM or SIGINT, after draining; 1 startup failed
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code."""
    exit_quietly_on_signals()
    log_to_stderr()
    try:
        settings = load_settings(vars(_parser().parse_args(argv)), os.environ)
        check_sizes(settings)
        with listen(settings.bind_addr) as listener:
            run(_serve(settings, listener))
    except (ConfigError, ValueError, MemoryError) as error:
        reason = str(error)
    except OSError as error:
        where = error.filename or f"cannot listen on {settings.bind_addr}"
        reason = f"{where}: {error.strerror or error}"
    else:
        return 0
    return startup_failed("morphogen-server", reason)


async def _serve(settings: ServerSettings, listener: socket.socket) -> None:
    app, state = make_app(settings)
    http = http_server(app)
    loading = asyncio.create_task(_load(settings, state, http))
    log.info("listening on %s", bound_address(listener))
    await http.serve(sockets=[listener])
    if loading.done():
        loading.result()  # raises what stopped the start


async def _load(settings: ServerSettings, state: Server, http: uvicorn.Server) -> None:
    """Load while `/health` answers 503 already: a large matrix takes its time."""
    try:
        epoch = await asyncio.to_thread(lambda: make_epoch(settings, load_matrix(settings)))
    except BaseException:
        http.should_exit = True
        raise
    state.serve(epoch)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="morphogen-server",
        description="One of the two PIR servers: holds a matrix and answers DPF keys.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="JSON file with settings")
    parser.add_argument("--environment", metavar="dev|test|prod", help="default prod")
    parser.add_argument("--bind-addr", metavar="HOST:PORT", help="default 127.0.0.1:3000")
    parser.add_argument("--matrix-file", metavar="FILE", help="the snapshot's matrix.bin")
    parser.add_argument(
        "--allow-synthetic-matrix",
        nargs="?",
        const="true",
        metavar="BOOL",
        help="serve made-up data where no file is given (dev only)",
    )
    parser.add_argument("--matrix-size-bytes", metavar="N", help="size of the made-up data")
    parser.add_argument("--matrix-seed", metavar="N", help="seed of the made-up data")
    return parser
