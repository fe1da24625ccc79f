"""What the tasks of the group `image` come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result
from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCheck(Check):
    """What is wrong with images.

    Attributes:
        state: `ok` or `findings`.
        exit: 0, or 2 with findings.
        findings: what is wrong.
        next: what to type next; empty without findings.
        images: what was checked: name → reference.
    """

    state: Literal["ok", "findings"]
    images: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImages(Result):
    """Base images that were made from packages.

    Attributes:
        state: `built`, or `not needed`: a public registry answers, and no base was made before.
        exit: 0.
        images: name → reference.
        replaces: reference in a Dockerfile → the reference that is taken instead.
    """

    state: Literal["built", "not needed"]
    images: Mapping[str, str]
    replaces: Mapping[str, str]
