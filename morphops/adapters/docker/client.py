"""A bounded docker client, and the translation of its failures into ours.

python-on-whales has no time limits, and a registry that dies during a pull hangs the docker CLI
for good: so every call runs under coreutils' `timeout`, and `setpriv --pdeathsig` ties each of
these processes to the one above it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from morphops.errors import EngineCallFailed, EngineUnavailable, MorphopsError

if TYPE_CHECKING:
    from python_on_whales import DockerClient

_TIMED_OUT = 124  # `timeout` had to end the command (coreutils manual, "timeout invocation")
_KILLED = 137
# All that Compose sees of a shell: where the engine is and how to get there. Each other variable
# could decide something in a compose file, and would do so only for whoever exports it.
_NEEDED = frozenset([
    "PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE",
    "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS",
    "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "DOCKER_AUTH_CONFIG", "SSH_AUTH_SOCK",
    "SSH_AGENT_PID", "SSH_ASKPASS", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY",
    "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy",
    "no_proxy",
])  # fmt: skip


class Docker:
    """Makes bounded clients and translates what they raise.

    Args:
        redact: applied to every text that the engine says before it enters an error.
    """

    def __init__(self, redact: Callable[[str], str] = str) -> None:
        self._redact = redact

    def client(
        self, limit: float = 60, *, without: Iterable[str] = (), **options: Any
    ) -> DockerClient:
        """A client each of whose calls ends after `limit` seconds.

        Args:
            limit: seconds; the CLI gets SIGTERM then, and SIGKILL a second later.
            without: names of the process environment that it does not see, besides Compose's own:
                what these calls are about is said to them.
            options: passed to python-on-whales (`compose_files`, `compose_project_name` …).

        Raises:
            EngineUnavailable: there is no docker client on PATH.
        """
        if shutil.which("docker") is None:
            raise EngineUnavailable(
                "there is no `docker` command on PATH", hint="inv host.setup   (or install Docker)"
            )
        from python_on_whales import DockerClient

        hidden = {*without, *(n for n in os.environ if n.startswith("COMPOSE_"))}
        unseen = [word for name in sorted(hidden) for word in ("-u", name)]
        prefix = ["env", *unseen] if unseen else []
        return DockerClient(client_call=[*prefix, *bounded(limit)], **options)

    @contextmanager
    def call(
        self, doing: str, limit: float = 60, *, refusal: type[MorphopsError] = EngineCallFailed
    ) -> Iterator[None]:
        """Translate whatever the client raises inside of the block.

        Args:
            doing: what was attempted, as it reads after "could not": `pull 127.0.0.1:5000/a@…`.
            limit: the seconds that the client was given, for the message.
            refusal: what a refusal is; another class than the default says that Compose refuses
                by itself, so that no engine is asked whether it is there.

        Raises:
            EngineUnavailable: the engine does not answer.
            EngineCallFailed: the engine answered with a refusal, or not in time.
        """
        from python_on_whales.exceptions import DockerException

        try:
            yield
        except DockerException as err:
            # `from None`: the original carries argv and output, which may hold secrets.
            if refusal is not EngineCallFailed:
                self.need_compose()
                raise refusal(f"could not {doing}", detail=self._last_lines(err)) from None
            raise self._translate(doing, limit, err) from None

    def inspect(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """What the engine says of several containers, in one call; without those that are gone.

        python-on-whales inspects one by one, and again for each attribute that is read later.

        Raises:
            EngineUnavailable, EngineCallFailed: see `call`.
        """
        return self._inspect("container", ids)

    def inspect_images(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The same for images."""
        return self._inspect("image", ids)

    def _inspect(self, kind: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        from python_on_whales.exceptions import NoSuchContainer, NoSuchImage
        from python_on_whales.utils import run

        if not ids:
            return []
        command = [*self.client(20).client_config.docker_cmd, kind, "inspect", *ids]
        with self.call(f"inspect the {kind}s", 20):
            try:
                found: list[dict[str, Any]] = json.loads(str(run(command)))
            except (NoSuchContainer, NoSuchImage) as err:
                # What is still there stands on stdout all the same.
                found = json.loads(_text(err.stdout) or "[]")
        return found

    def layers(self, image: str) -> tuple[str, ...]:
        """How each layer of an image was made, by its own account; the newest first.

        Raises:
            EngineUnavailable, EngineCallFailed: see `call`.
        """
        from python_on_whales.utils import run

        command = [*self.client(20).client_config.docker_cmd, "image", "history", "--no-trunc"]
        with self.call(f"read the history of {image}", 20):
            return tuple(str(run([*command, "--format={{.CreatedBy}}", image])).splitlines())

    def need_compose(self) -> None:
        """Make sure that the docker client has its Compose plugin.

        Raises:
            EngineUnavailable: it has not.
        """
        from python_on_whales.exceptions import DockerException

        try:
            there = self.client(10).compose.is_installed()
        except DockerException:
            there = False
        if not there:
            raise EngineUnavailable(
                "the docker client has no Compose plugin",
                state="nothing was changed",
                hint="inv host.setup   (installs it beside the engine that runs)",
            )

    def answers(self) -> bool:
        """Whether an engine answers at all, within five seconds."""
        from python_on_whales.exceptions import DockerException

        try:
            self.client(5).version()
        except DockerException:
            return False
        return True

    def _translate(
        self, doing: str, limit: float, err: Any
    ) -> EngineCallFailed | EngineUnavailable:
        # One more question is a surer way to tell the two apart than the wording of an error.
        if not self.answers():
            return EngineUnavailable(
                f"could not {doing}: no Docker engine answers at {endpoint()}",
                hint="inv host.check   (then `inv host.setup` installs and starts one)",
            )
        lines = self._last_lines(err)
        if err.return_code in (_TIMED_OUT, _KILLED):
            return EngineCallFailed(
                f"could not {doing}: no answer within {limit:g} s, so the call was ended",
                hint="inv host.check",
                detail=lines,
            )
        return EngineCallFailed(f"could not {doing}", detail=lines)

    def _last_lines(self, err: Any) -> tuple[str, ...]:
        said = self._redact(_text(err.stderr) or _text(err.stdout))
        return tuple(line for line in said.splitlines() if line.strip())[-12:]


def bounded(limit: float) -> list[str]:
    """The argv prefix of a docker call that cannot run longer than `limit` seconds."""
    # Each dies with its parent: nothing goes on (and pushes, or starts) with nobody there to hear.
    with_us = tied("TERM")
    return [*with_us, "timeout", "-k", "1", f"{limit:g}", *with_us, "docker"]


def hidden(exported: Iterable[str], decided: Collection[str] = ()) -> frozenset[str]:
    """The names of a shell that Compose must not see, since they would decide what it renders.

    Args:
        exported: what there is.
        decided: what the values decide: Compose would prefer what the shell says, of any name.
    """
    return frozenset(name for name in exported if name in decided or name not in _NEEDED)


def tied(signal: str) -> list[str]:
    """The argv prefix of a command that gets this signal when whoever started it dies."""
    return ["setpriv", "--pdeathsig", signal] if shutil.which("setpriv") else []


def endpoint() -> str:
    """Where the docker CLI looks for its engine, as far as the environment says."""
    return os.environ.get("DOCKER_HOST") or "the default socket"


def _text(stream: str | bytes | None) -> str:
    if stream is None:
        return ""
    return stream.decode(errors="replace") if isinstance(stream, bytes) else stream
