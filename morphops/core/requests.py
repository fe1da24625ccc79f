"""What a platform is asked to run or to build once. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What is run: without network, with a read-only root, without capabilities.

    Attributes:
        image: a local image.
        command: the arguments of the program.
        doing: for errors, as it reads after "could not".
        entrypoint: the program; empty for the image's own.
        volumes: (folder on the host, place, `ro` or `rw`).
        user: `uid:gid` that it runs as, so that what it writes belongs to the caller; empty for
            the image's own.
        limit: seconds.
    """

    image: str
    command: tuple[str, ...]
    doing: str
    entrypoint: str = ""
    volumes: tuple[tuple[str, str, str], ...] = ()
    user: str = ""
    limit: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRequest:
    """A command that is run in a container of a service.

    Attributes:
        words: the program and its arguments. Others on the machine can read them.
        attached: joined to our own standard streams, with a terminal where stdin is one. Else what
            it writes is kept, and it reads nothing.
        limit: seconds that it may take; 0 for as long as it likes.
    """

    words: tuple[str, ...]
    attached: bool = False
    limit: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnd:
    """How a command ended.

    Attributes:
        exit_code: its own; 128 + n where signal n ended it.
        lines: what it wrote, redacted; empty where it was attached.
    """

    exit_code: int
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What is built of a bake file, and how.

    Attributes:
        file: the bake file; it has the variables REGISTRY, VERSION, REVISION and SOURCE.
        folder: what the contexts in it are relative to.
        project: whose images these are; the label by which `prune` knows them.
        registry: `host[:port]` that the images are tagged for.
        version, revision, source: for the labels.
        bases: FROM reference, exactly as Dockerfiles write it → the local image to take instead
            (`repository@sha256:…`); empty where the public ones are used.
        ca_file: certificates that the build trusts, given as the secret `ca`.
        targets: which ones; the default group without.
        push: push them; otherwise they are only loaded into the engine.
        tags: target → the name that it is pushed under, where the bake file does not say it.
    """

    file: Path
    folder: Path
    project: str
    registry: str
    version: str
    revision: str
    source: str
    bases: Mapping[str, str] = field(default_factory=dict)
    ca_file: Path | None = None
    targets: tuple[str, ...] = ()
    push: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """What a build made.

    Attributes:
        digest: of its manifest, by which it is pulled; of an image that was not pushed, its ID.
        names: the digests by one of which the engine names it, depending on its image store.
    """

    digest: str
    names: tuple[str, ...]
