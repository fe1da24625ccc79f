"""The words before a docker command that bound it, and what Compose may see of a shell."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable

# All that Compose sees of a shell: where the engine is and how to get there. Each other variable
# could decide something in a compose file, and would do so only for the person who exports it.
_NEEDED = frozenset([
    "PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE",
    "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS",
    "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "DOCKER_AUTH_CONFIG", "SSH_AUTH_SOCK",
    "SSH_AGENT_PID", "SSH_ASKPASS", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY",
    "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy",
    "no_proxy",
])  # fmt: skip


def bounded(limit: float) -> list[str]:
    """Return the argv prefix of a docker call that cannot run longer than `limit` seconds.

    The CLI gets SIGTERM then, and SIGKILL a second later.
    """
    # Each dies with its parent: nothing goes on (and pushes, or starts) without a parent.
    with_us = tied("TERM")
    return [*with_us, "timeout", "-k", "1", f"{limit:g}", *with_us, "docker"]


def tied(signal: str) -> list[str]:
    """Return the argv prefix of a command that gets this signal when its parent process dies."""
    return ["setpriv", "--pdeathsig", signal] if shutil.which("setpriv") else []


def hidden(exported: Iterable[str], decided: Collection[str] = ()) -> frozenset[str]:
    """Return the names of a shell that Compose must not see: they would decide what it renders.

    Args:
        exported: what there is.
        decided: what the values decide: Compose would prefer what the shell says, of any name.
    """
    return frozenset(name for name in exported if name in decided or name not in _NEEDED)
