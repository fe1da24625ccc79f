"""What is reported of a deploy, and when, as frozen values: hooks and a webhook."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from morphops.core.schema import more_than_zero

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """An executable that is run at a moment of a deploy.

    Attributes:
        run: its path, relative to the bundle's folder.
        timeout: seconds until it is stopped; then it counts as failed.
    """

    run: str
    timeout: float = 60.0

    def findings(self) -> list[str]:
        """What is wrong with it."""
        return more_than_zero(timeout=self.timeout)


Ending: TypeAlias = Literal["after-deploy", "after-rollback", "on-failure"]

Moment: TypeAlias = Literal["before-deploy"] | Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """A webhook that is told how a deploy or a rollback came out.

    Attributes:
        url_from: the variable that holds its URL: of the process environment, else of the env file.
            The URL is a secret, so it never stands here.
        timeout: seconds that all of one notification may take.
        moments: of which it is told.
    """

    url_from: str
    timeout: float = 10.0
    moments: tuple[Ending, ...] = ("after-deploy", "after-rollback", "on-failure")

    def findings(self) -> list[str]:
        """What is wrong with it."""
        findings = []
        if not _VARIABLE.fullmatch(self.url_from):
            # It is not repeated: the text may hold the URL itself.
            findings.append("url_from: write the name of the variable that holds the URL")
        findings += more_than_zero(timeout=self.timeout)
        if not self.moments:
            findings.append("moments: names none, so nothing is sent")
        return findings
