"""What `bundle.check` comes to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result
from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleCheck(Check):
    """What is wrong with the artifacts of the bundle.

    Attributes:
        state: `ok` or `findings`.
        exit: 0, or 2 with findings.
        findings: what is wrong, in the order of files and lines.
        next: what to type next; empty without findings.
    """

    state: Literal["ok", "findings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleView(Result):
    """The complete bundle, and where each part of it comes from.

    Attributes:
        state: `written`: the person wrote all of it; `derived`: the compose files say the rest.
        exit: 0.
        file: the path of the bundle's file.
        bundle: its keys, complete.
        variables: the env schema: variable → what the schema says of it.
        origins: part (`images/db`) → where it comes from.
    """

    state: Literal["written", "derived"]
    file: str
    bundle: Mapping[str, object]
    variables: Mapping[str, object]
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderstoodService:
    """What `bundle.init` understood of a service.

    Attributes:
        name: its name.
        image: what the release pins, or `built here`.
        wave: the number of its wave, from 1; 0 for none.
        job: whether it does something once, and ends.
        health: whether it has a health check.
        profiles: that switch it on; without one it always runs.
    """

    name: str
    image: str
    wave: int
    job: bool
    health: bool
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleInit(Result):
    """A bundle for compose files that were there, and what was understood of them.

    Attributes:
        state: `made`, or `as before`: everything was there already.
        exit: 0.
        file: the path of the bundle's file.
        project: the name of the stack.
        compose: the compose files.
        services: in the order of the files.
        env_file: the path of the env file.
        generated: variables that were given a fresh value.
        taken: variables whose value is as in `.env`, or in an `env_file`.
        left: what a person must fill in: name → what it is.
        carries: what each release carries, besides the compose files.
        data: what stays where it is, and is never carried or removed.
        leaves: what a release leaves out.
        notes: what a person should know of this stack.
        next: what to type next, in order.
    """

    state: Literal["made", "as before"]
    file: str
    project: str
    compose: tuple[str, ...]
    services: tuple[UnderstoodService, ...]
    env_file: str
    generated: tuple[str, ...]
    taken: tuple[str, ...]
    left: Mapping[str, str]
    carries: tuple[str, ...]
    data: tuple[str, ...]
    leaves: tuple[str, ...]
    notes: tuple[str, ...]
    next: tuple[str, ...]
