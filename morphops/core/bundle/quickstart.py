"""What quickstart adds to a bundle to get a stack on one machine, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from morphops.core.probes.question import Question

FILE = "quickstart.yaml"  # beside the bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Data that is made by a program of one of the images, without a network.

    Attributes:
        name: what it makes, for people.
        image: whose program.
        entrypoint, command: the program and its arguments.
        reads: folder of the bundle → where it is mounted, read-only.
        writes: folder on the host → where it is mounted; `{state}` is the state folder.
        creates: a file; where it is there already, nothing is done.
    """

    name: str
    image: str
    entrypoint: str
    command: tuple[str, ...]
    creates: str
    reads: Mapping[str, str] = field(default_factory=dict)
    writes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Questions to the running stack.

    Attributes:
        service, port: the published container port that is asked.
        document: a JSON file of the bundle; the questions' expressions look into it.
        questions: each with the answer that the document gives.
    """

    service: str
    port: int
    document: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quickstart:
    """The whole of `quickstart.yaml`; `env` are values that are not generated."""

    schema: Literal[1]
    ask: Ask
    prepare: tuple[Prepare, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
