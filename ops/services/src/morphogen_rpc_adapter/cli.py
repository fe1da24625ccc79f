"""`morphogen-rpc-adapter`: reads the configuration, serves until told to stop."""

import argparse
import json
import logging
import os
import socket
from collections.abc import Sequence
from typing import NoReturn

from morphogen_http.bind import bound_address, listen
from morphogen_http.process import (
    exit_quietly_on_signals,
    http_server,
    log_to_stderr,
    run,
    startup_failed,
)
from morphogen_rpc_adapter.app import Adapter, make_app
from morphogen_rpc_adapter.config import AdapterSettings, ConfigError, load_settings

log = logging.getLogger("morphogen_rpc_adapter")

_EPILOG = """\
environment (a flag wins over it, an empty variable counts as unset):
  UPSTREAM_RPC_URL                 an ordinary Ethereum RPC; carries a key, so keep it out of argv
  DICT_URL, CAS_URL                where contract code comes from
  MORPHOGEN_RPC_ADAPTER_BIND_ADDR  host:port to listen on, default 127.0.0.1:8545; no flag

Balances, nonces and code are read privately from both PIR servers, never from upstream. When the
pair does not answer as one, the caller gets error -32000; --fallback-to-upstream would answer
anyway and reveal the address, so prod refuses it without --allow-privacy-degraded-fallback.

exit codes: 0 stopped by SIGTERM or SIGINT, after draining; 1 startup failed
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the adapter; returns the exit code."""
    exit_quietly_on_signals()
    log_to_stderr()
    try:
        flags = vars(_parser().parse_args(argv))
        show = flags.pop("print_effective_config")
        del flags["unused"]
        settings = load_settings(flags, os.environ)
        if show:
            print(json.dumps(settings.effective_urls()))
            return 0
        settings.check_urls()
        with listen(settings.bind_addr) as listener:
            run(_serve(settings, listener))
    except ConfigError as error:
        return startup_failed("morphogen-rpc-adapter", str(error))
    except OSError as error:
        reason = f"cannot listen on {settings.bind_addr}: {error.strerror or error}"
        return startup_failed("morphogen-rpc-adapter", reason)
    return 0


async def _serve(settings: AdapterSettings, listener: socket.socket) -> None:
    if settings.otel_traces:
        log.warning("--otel-traces: this build exports no traces")
    if settings.fallback_to_upstream:
        log.warning("privacy degraded: private methods fall back to upstream")
    log.info("listening on %s", bound_address(listener))
    adapter = Adapter(settings)
    await http_server(make_app(adapter), shedding=adapter).serve(sockets=[listener])


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="morphogen-rpc-adapter",
        description="JSON-RPC for wallets; reads state privately through two PIR servers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("-p", "--port", metavar="N", help="port to listen on (default 8545)")
    add("-u", "--upstream", metavar="URL", help="an ordinary Ethereum RPC")
    add("--pir-server-a", metavar="URL", help="default http://localhost:3000")
    add("--pir-server-b", metavar="URL", help="default http://localhost:3001")
    add("--dict-url", metavar="URL", help="the dictionary of code hashes")
    add("--cas-url", metavar="URL", help="the root of the content-addressed code")
    add("--environment", metavar="dev|test|prod", help="default prod")
    add("--refresh-interval", metavar="SECONDS", help="between looks at /epoch (default 12)")
    add("--upstream-timeout", metavar="SECONDS", help="for one call (default 15)")
    add("--max-in-flight", metavar="N", help="reads at work at once (default 32 for each core)")
    add("--queue-deadline", metavar="SECONDS", help="longest wait for a turn (default 0.15)")
    add("--read-budget", metavar="SECONDS", help="for one private read in all (default 5)")
    add("--tx-relay", metavar="URL", help="where raw transactions go (default: upstream)")
    for name, help_text in {
        "--fallback-to-upstream": "answer from upstream when the pair does not: reveals addresses",
        "--allow-privacy-degraded-fallback": "say that prod really means the flag above",
        "--otel-traces": "accepted; this build exports no traces",
    }.items():
        add(name, action="store_true", default=None, help=help_text)
    add("--print-effective-config", action="store_true", help="print the URLs, redacted, and exit")
    for name in ("endpoint", "service-name", "env", "version"):
        add(f"--otel-{name}", dest="unused", metavar="TEXT", help="accepted, unused")
    return parser
