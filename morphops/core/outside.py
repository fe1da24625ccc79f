"""What a stack needs that it does not make itself: shared networks, volumes, files, names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one service needs from outside of its stack.

    Attributes:
        networks, volumes: names of those that others make.
        container_name: that its container is to have, and no other can; empty where the platform
            chooses.
        addresses: that its container is to have, each as `network/address`.
        runtime: what runs its containers; empty for the platform's own.
        platform: what it asks its image to be for; empty where it does not say.
        trial: what of its setup only a start can show, as the platform writes it: devices, where
            logs are sent. Empty where there is nothing of that.
    """

    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    container_name: str = ""
    addresses: frozenset[str] = frozenset()
    runtime: str = ""
    platform: str = ""
    trial: str = ""


NO_NEEDS = Needs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What is wrong with what a stack needs, from one look.

    Attributes:
        networks, volumes, runtimes: those that are not there.
        names: container name → who has it, of those that a container of another project or of none
            has.
        refused: trial → why the platform does not start such a container.
    """

    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    runtimes: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


AS_NEEDED = Outside()
