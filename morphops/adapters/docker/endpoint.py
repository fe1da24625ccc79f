"""Where the engine is, as the docker CLI decides it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from morphops.core.host.requirements import DEFAULT_SOCKET

_TLS = ("DOCKER_TLS_VERIFY", "DOCKER_TLS")  # any text but an empty one switches it on
_TLS_DEFAULT = "tcp://localhost:2376"  # where the CLI looks when only TLS is switched on


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the engine is.

    Attributes:
        url: as `docker context ls` shows it.
        direct: whether its API is asked without the CLI: a unix socket, or TCP without TLS. The CLI
            carries everything else (ssh, TLS): it has the keys and knows how to use them.
    """

    url: str
    direct: bool = True

    @property
    def is_local(self) -> bool:
        """Whether the engine is on this machine, as far as its address says."""
        return self.url.startswith("unix:")

    @property
    def host(self) -> str:
        """The machine that the engine runs on: its name, or loopback where it is this one."""
        try:
            name = "" if self.is_local else urlsplit(self.url).hostname
        except ValueError:  # the docker CLI refuses such an address
            name = ""
        return name or "127.0.0.1"

    @property
    def socket(self) -> Path | None:
        """The path of its unix socket, where it has one."""
        return Path(self.url.removeprefix("unix://")) if self.is_local else None


def find(environ: Mapping[str, str], ask_context: Callable[[], str]) -> Endpoint:
    """Return the endpoint that the docker CLI uses.

    Args:
        environ: the process environment.
        ask_context: returns the host of the context in use; called only where there may be another
            than the default one.
    """
    tls = any(environ.get(name) for name in _TLS)
    if host := environ.get("DOCKER_HOST"):
        return Endpoint(
            host, host.startswith("unix:///") or (host.startswith("tcp://") and not tls)
        )
    context = environ.get("DOCKER_CONTEXT") or _configured_context(environ)
    if context not in ("", "default"):
        host = ask_context()
        return Endpoint(host, host.startswith("unix:///"))
    return Endpoint(_TLS_DEFAULT, direct=False) if tls else Endpoint(DEFAULT_SOCKET)


def _configured_context(environ: Mapping[str, str]) -> str:
    """The context that `docker context use` chose; empty for the default one."""
    folder = (
        environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or "~").expanduser() / ".docker"
    )
    try:
        config = json.loads((Path(folder) / "config.json").read_bytes())
        return str(config.get("currentContext") or "")
    except (OSError, ValueError, AttributeError, RecursionError):
        return ""
