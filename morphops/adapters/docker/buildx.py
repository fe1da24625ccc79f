"""Builds the images of a bake file, and returns the digest of each."""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morphops.adapters.docker import labels
from morphops.adapters.docker.image_store import id_of
from morphops.core.release.digest import is_digest
from morphops.core.release.reference import HUB
from morphops.core.requests import BuildRequest, BuiltImage
from morphops.errors import ConfigError, EngineCallFailed, EngineUnavailable, InputError

if TYPE_CHECKING:
    from morphops.adapters.docker.client import Docker

Say = Callable[[str], None]
_LIMIT = 1800
_PRUNE_LIMIT = 120.0
_TAIL = 20
# Progress in bytes, times and bookkeeping: worth keeping for a failure, not worth watching.
_CHATTER = re.compile(
    r"#\d+ (?:DONE|CACHED|\d+\.\d+|sha256:|pushing|transferring|resolv|exporting|writing|reading"
    r"|unpacking|naming|extracting|preparing|\.\.\.|\[(?:\S+ )?internal\])"
)


# How BuildKit words that a Dockerfile, or a command in it, is wrong.
_OWN_FAULT = re.compile(
    r"did not complete successfully|dockerfile parse error|unknown instruction"
    r"|failed to (?:compute cache key|calculate checksum)|failed to read dockerfile"
)


class Buildx:
    """Implements `Builder` with Buildx.

    Args:
        docker: the engine, and the client with the plugin.
        redact: applied to each line of a build before it is shown.
    """

    def __init__(self, docker: Docker, redact: Callable[[str], str] = str) -> None:
        self._docker = docker
        self._redact = redact

    def targets(self, file: Path, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
        """See `Builder.targets`."""
        return definition(self._docker, file, list(names), {})

    def bake(self, request: BuildRequest, say: Say) -> Mapping[str, BuiltImage]:
        """See `Builder.bake`."""
        return bake(self._docker, request, say, self._redact)

    def prune_cache(self, older_than_hours: int) -> None:
        """See `Builder.prune_cache`."""
        with self._docker.call("prune the build cache", _PRUNE_LIMIT):
            client = self._docker.client(_PRUNE_LIMIT)
            client.buildx.prune(filters={"until": f"{older_than_hours}h"})

    def reaches_public_registry(self) -> bool:
        """See `Builder.reaches_public_registry`."""
        return public_registry_answers()

    def trusted_certificates(self) -> Path | None:
        """See `Builder.trusted_certificates`."""
        return host_ca()


def bake(
    docker: Docker, request: BuildRequest, say: Say, redact: Callable[[str], str] = str
) -> Mapping[str, BuiltImage]:
    """Build, and push, the targets of a bake file.

    Args:
        docker: the engine.
        request: what is built.
        say: told each line of progress.
        redact: applied to each line before it is shown.

    Returns:
        Target → what it became.

    Raises:
        InputError: there is no such file or context.
        EngineUnavailable: no engine answers, or it has no Buildx.
        ConfigError: a Dockerfile, or a command in it, failed; with the last lines that it said.
        EngineCallFailed: the build failed otherwise; likewise.
    """
    if not request.file.is_file():
        raise InputError(f"{request.file}: there is no such bake file")
    described = definition(
        docker, request.file, list(request.targets) or ["default"], variables(request)
    )
    with tempfile.TemporaryDirectory(prefix="morphops-bake-") as name:
        extra, metadata = Path(name) / "override.json", Path(name) / "metadata.json"
        extra.write_text(json.dumps(override(described, request)), encoding="utf-8")
        _build(docker, request, extra, metadata, _Log(say, redact))
        found = json.loads(metadata.read_text(encoding="utf-8"))
    return {name: _built(docker, name, found.get(name) or {}, request.push) for name in described}


def _built(docker: Docker, name: str, metadata: Mapping[str, Any], push: bool) -> BuiltImage:
    """What Buildx says of an image that it built.

    Raises:
        EngineCallFailed: it says nothing, or the engine does not have what was to be loaded.
    """
    told = (metadata.get(f"containerimage.{part}") for part in ("digest", "config.digest"))
    names = tuple(str(digest) for digest in told if digest and is_digest(str(digest)))
    # Both are told with each store, so the engine has to say which one is the ID there.
    digest = str(metadata.get("containerimage.digest") or "") if push else id_of(docker, names)
    if digest not in names:
        raise EngineCallFailed(
            f"the build of {name} named no digest" + ("" if push else " that the engine has"),
            state="it may have been built, but cannot be released",
            hint="docker buildx version   (0.13 or later is needed)",
        )
    return BuiltImage(digest=digest, names=names)


def variables(request: BuildRequest) -> dict[str, str]:
    """The variables of the bake file."""
    return {
        "REGISTRY": request.registry,
        "VERSION": request.version,
        "REVISION": request.revision,
        "SOURCE": request.source,
        # An attestation would make each image an index, and differs from build to build.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        # Since 0.20 bake asks before it reads what lies outside of the folder that it is called
        # in. What it reads here is named by the override file, which is ours.
        "BUILDX_BAKE_ENTITLEMENTS_FS": "0",
    }


def override(definition: Mapping[str, Mapping[str, Any]], request: BuildRequest) -> dict[str, Any]:
    """Return a second bake file, with what only this machine and this bundle know.

    Raises:
        InputError: a target's context is not there.
    """
    targets: dict[str, Any] = {}
    for name, target in definition.items():
        context = str(target.get("context", "."))
        changes: dict[str, Any] = {"labels": {labels.BUILT_FOR: request.project}}
        if "://" not in context:
            # Bake takes them relative to where it is called, and that must not matter.
            absolute = (request.folder / context).resolve()
            if not absolute.is_dir():
                raise InputError(f"the build context of {name} is not there: {absolute}")
            changes["context"] = str(absolute)
        if name in request.tags:
            changes["tags"] = [request.tags[name]]
        if request.bases:
            changes["contexts"] = {
                reference: f"docker-image://{image}" for reference, image in request.bases.items()
            }
        if request.ca_file is not None:
            changes["secret"] = [f"id=ca,src={request.ca_file}"]
        targets[name] = changes
    return {"target": targets}


def host_ca() -> Path | None:
    """The certificates that this machine trusts, as one file, if there is one.

    A build behind a company's proxy needs them; elsewhere they are what an
    image would trust anyway.
    """
    named = (
        os.environ.get(name, "") for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    )
    for text in (*named, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"):
        if text and (path := Path(text)).is_file():
            return path
    return None


@functools.cache
def public_registry_answers(host: str = HUB, limit: float = 3) -> bool:
    """Whether a public registry can be reached from here; asked once in a run.

    Args:
        host: the registry.
        limit: seconds; name resolution, which has no limit of its own, included.
    """
    from morphops.adapters.registry import answers

    return answers(host, limit=limit)


def definition(
    docker: Docker, file: Path, targets: list[str], variables: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """What a bake file says of some targets, and of those that they need. Needs no engine.

    Raises:
        EngineUnavailable: there is no docker client with Buildx.
        ConfigError: Buildx refuses the file.
    """
    if not docker.has_plugin("buildx"):
        raise EngineUnavailable(
            "the docker client has no Buildx, which builds the images", hint="inv host.setup"
        )
    with docker.call(f"read the bake file {file.name}", 30, refusal=ConfigError):
        buildx = docker.client(30).buildx
        answer = buildx.bake(targets, files=[file], variables=dict(variables), print=True)
    assert isinstance(answer, dict)  # noqa: S101 - what print=True returns; tells mypy
    return dict(answer["target"])


class _Log:
    """Passes on what a build says, and keeps its last lines."""

    def __init__(self, say: Say, redact: Callable[[str], str]) -> None:
        self._say = say
        self._redact = redact
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._ended = False

    @property
    def tail(self) -> tuple[str, ...]:
        return tuple(self._tail)

    @property
    def own_fault(self) -> bool:
        """Whether the build failed by what its files say."""
        return any(_OWN_FAULT.search(text) for text in self._tail)

    def add(self, line: str) -> None:
        if text := self._redact(line.rstrip()):
            self._tail.append(text)
            # What failed is told once more at the end, and that becomes the error.
            self._ended = self._ended or text.startswith(("------", "ERROR:"))
            if not (self._ended or _CHATTER.match(text)):
                self._say(text)


def _build(docker: Docker, request: BuildRequest, extra: Path, metadata: Path, log: _Log) -> None:
    """Run the build.

    Raises:
        ConfigError: a Dockerfile, or a command in it, failed; with the last lines.
        EngineCallFailed: something else did; with the last lines.
    """
    targets = list(request.targets) or ["default"]
    try:
        with docker.call(f"build {', '.join(targets)}", _LIMIT):
            client = docker.client(_LIMIT)
            lines = client.buildx.bake(
                targets,
                # The engine's own builder, whatever else was made the default: only it sees what
                # the engine has, and reaches a registry on this machine's loopback.
                builder=client.context.inspect(None).name,
                files=[request.file, extra],
                variables=variables(request),
                metadata_file=metadata,
                push=request.push,
                load=not request.push,
                progress="plain",
                stream_logs=True,
            )
            for line in lines:
                log.add(line)
    except EngineCallFailed as err:
        kind = ConfigError if log.own_fault else EngineCallFailed
        raise kind(
            err.what,
            state="images that are already released are untouched",
            hint="fix what the last lines say, then `inv build` again",
            detail=log.tail,
        ) from None
