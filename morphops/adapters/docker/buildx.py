"""Builds the images of a bake file, and says which digest each one got."""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from morphops.core.release.digest import is_digest
from morphops.core.release.reference import HUB
from morphops.errors import ConfigError, EngineCallFailed, EngineUnavailable, InputError

if TYPE_CHECKING:
    from python_on_whales import DockerClient

    from morphops.adapters.docker.client import Docker

Say = Callable[[str], None]
# Of the images that a project builds: what tells one that has lost every name from anybody else's.
LABEL_PROJECT = "morphops.project"
_LIMIT = 1800
_TAIL = 20
# Progress in bytes, times and bookkeeping: worth keeping for a failure, not worth watching.
_CHATTER = re.compile(
    r"#\d+ (?:DONE|CACHED|\d+\.\d+|sha256:|pushing layer|transferring|resolve|exporting|writing"
    r"|naming|extracting|\[(?:\S+ )?internal\])"
)


def bake(
    docker: Docker,
    *,
    file: Path,
    folder: Path,
    project: str,
    registry: str,
    version: str,
    revision: str,
    source: str,
    bases: Mapping[str, str],
    say: Say,
    ca_file: Path | None = None,
    targets: Iterable[str] = (),
    push: bool = True,
    redact: Callable[[str], str] = str,
) -> Mapping[str, str]:
    """Build, and push, the targets of a bake file.

    Args:
        docker: the engine.
        file: the bake file; it has the variables REGISTRY, VERSION, REVISION and SOURCE.
        folder: what the contexts in it are relative to.
        project: whose images these are; the label by which `prune` knows them.
        registry: `host[:port]` that the images are tagged for.
        version, revision, source: for the labels.
        bases: FROM reference, exactly as Dockerfiles write it → the local image to take instead
            (`repository@sha256:…`); empty where the public ones are used.
        say: told each line of progress.
        ca_file: certificates that the build trusts, given as the secret `ca`.
        targets: which ones; the default group without.
        push: push them; otherwise they are only loaded into the engine.
        redact: applied to each line before anyone sees it.

    Returns:
        Target → digest of its manifest; with `push=False` the image ID, for there is no manifest.

    Raises:
        InputError: there is no such file or context.
        EngineUnavailable: no engine answers, or it has no Buildx.
        EngineCallFailed: the build failed; with the last lines that it said.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such bake file")
    variables = {
        "REGISTRY": registry,
        "VERSION": version,
        "REVISION": revision,
        "SOURCE": source,
        # An attestation would make each image an index, and differs from build to build.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
    }
    wanted = list(targets) or ["default"]
    described = definition(docker, file, wanted, variables)
    with tempfile.TemporaryDirectory(prefix="morphops-bake-") as name:
        extra, metadata = Path(name) / "override.json", Path(name) / "metadata.json"
        changes = override(described, folder, project, bases, ca_file)
        extra.write_text(json.dumps(changes), encoding="utf-8")
        _build(
            docker,
            wanted,
            say,
            redact,
            files=[file, extra],
            variables=variables,
            metadata_file=metadata,
            push=push,
            load=not push,
        )
        found = json.loads(metadata.read_text(encoding="utf-8"))
    field = "containerimage.digest" if push else "containerimage.config.digest"
    digests = {name: str(found.get(name, {}).get(field, "")) for name in described}
    for name, digest in digests.items():
        if not is_digest(digest):
            raise EngineCallFailed(
                f"the build of {name} named no digest",
                state="it may have been built, but cannot be released",
                hint="docker buildx version   (0.13 or later is needed)",
            )
    return digests


def override(
    definition: Mapping[str, Mapping[str, Any]],
    folder: Path,
    project: str,
    bases: Mapping[str, str],
    ca_file: Path | None,
) -> dict[str, Any]:
    """A second bake file that says what only this machine, and this bundle, knows.

    Raises:
        InputError: a target's context is not there.
    """
    targets: dict[str, Any] = {}
    for name, target in definition.items():
        context = str(target.get("context", "."))
        changes: dict[str, Any] = {"labels": {LABEL_PROJECT: project}}
        if "://" not in context:
            # Bake takes them relative to where it is called, and that must not matter.
            absolute = (folder / context).resolve()
            if not absolute.is_dir():
                raise InputError(f"the build context of {name} is not there: {absolute}")
            changes["context"] = str(absolute)
        if bases:
            changes["contexts"] = {
                reference: f"docker-image://{image}" for reference, image in bases.items()
            }
        if ca_file is not None:
            changes["secret"] = [f"id=ca,src={ca_file}"]
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
    with docker.call(f"read the bake file {file.name}", 30, refusal=ConfigError):
        client = docker.client(30)
        if not _has_buildx(client):
            raise EngineUnavailable(
                "the docker client has no Buildx, which builds the images", hint="inv host.setup"
            )
        answer = client.buildx.bake(targets, files=[file], variables=dict(variables), print=True)
    assert isinstance(answer, dict)  # noqa: S101 - what print=True returns; tells mypy
    return dict(answer["target"])


def _has_buildx(client: DockerClient) -> bool:
    """Whether the client has Buildx; one without it fails, or shows its own usage."""
    from python_on_whales.exceptions import DockerException

    try:
        return client.buildx.is_installed()
    except DockerException:
        return False


def _build(
    docker: Docker, targets: list[str], say: Say, redact: Callable[[str], str], **options: Any
) -> None:
    """Run the build and pass on what it says.

    Raises:
        EngineCallFailed: it failed; with the last lines.
    """
    tail: deque[str] = deque(maxlen=_TAIL)
    try:
        with docker.call(f"build {', '.join(targets)}", _LIMIT):
            client = docker.client(_LIMIT)
            lines = client.buildx.bake(
                targets,
                # The engine's own builder, whatever else was made the default: only it sees what
                # the engine has, and reaches a registry on this machine's loopback.
                builder=client.context.inspect(None).name,
                progress="plain",
                stream_logs=True,
                **options,
            )
            for line in lines:
                if text := redact(line.rstrip()):
                    tail.append(text)
                    if not _CHATTER.match(text):
                        say(text)
    except EngineCallFailed as err:
        raise EngineCallFailed(
            err.what,
            state="images that are already released are untouched",
            hint="mend what the last lines say, then `inv build` again",
            detail=tuple(tail),
        ) from None
