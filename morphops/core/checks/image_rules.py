"""Rules for images as they are built: what only the image itself can show. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from morphops.core.bundle.schema import ImageSpec
from morphops.core.finding import Finding
from morphops.core.rule import Breach, Rule, findings

_NUMERIC = re.compile(r"(\d+)(?::(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen of an image.

    Attributes:
        user: of its configuration (OCI image spec, config.User); empty is root.
        variables: names that its configuration sets.
        layers: how each layer was made (OCI image spec, history.created_by).
        failed: whether its `check` failed.
        refused: the last lines of a `check` that failed.
    """

    user: str = ""
    variables: Collection[str] = ()
    layers: Sequence[str] = ()
    refused: Sequence[str] = ()
    failed: bool = False

    @property
    def ids(self) -> tuple[int, int]:
        """User and group as numbers; -1 for one that is not a number, and root without a user."""
        found = _NUMERIC.fullmatch(self.user or "0")
        return (int(found[1]), int(found[2] or -1)) if found else (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image, and what the project says of it.

    Attributes:
        name: in the bundle.
        spec: its entry in the bundle.
        facts: what was seen of it.
        owned: the variables of the env schema: a release never has a value of one.
        secrets: those of them that are secret.
    """

    name: str
    spec: ImageSpec
    facts: Facts
    owned: Collection[str] = ()
    secrets: Collection[str] = ()


Broken: TypeAlias = Iterator[Breach[None]]  # the image as a whole


def check(image: Image, where: tuple[str, int]) -> Iterator[Finding]:
    """Yields what is wrong with an image.

    Args:
        image: and what the project says of it.
        where: file and line of the image in the bundle.
    """
    return findings(RULES, image, lambda _: where, (image.name,))


def _on(image: Image, **words: object) -> Breach[None]:
    return Breach(None, {"image": image.name, **words})


def _root(image: Image) -> Broken:
    if image.facts.ids[0] == 0:
        yield _on(image, user=image.spec.user or 10001)


def _named_user(image: Image) -> Broken:
    if image.facts.ids[0] < 0:
        yield _on(image, user=image.facts.user)


def _other_user(image: Image) -> Broken:
    user, wanted = image.facts.ids[0], image.spec.user
    if user > 0 and wanted and user != wanted:
        yield _on(image, user=user, wanted=wanted)


def _root_group(image: Image) -> Broken:
    user, group = image.facts.ids
    if user > 0 and group == 0 and image.spec.user in (0, user):
        yield _on(image, user=user)


def _own_values(image: Image) -> Broken:
    for variable in sorted(set(image.facts.variables) & set(image.owned)):
        yield _on(image, variable=variable)


def _secrets_in_layers(image: Image) -> Broken:
    for variable in sorted(image.secrets):
        if any(re.search(rf"\b{re.escape(variable)}\b", layer) for layer in image.facts.layers):
            yield _on(image, variable=variable)


def _failed_check(image: Image) -> Broken:
    if image.facts.failed:
        last = f": {image.facts.refused[-1]}" if image.facts.refused else ""
        yield _on(image, command=" ".join(image.spec.check), last=last)


RULES: tuple[Rule[Image, None], ...] = (
    Rule("", _root, "image {image} runs as root", "write USER {user} into its Dockerfile"),
    Rule(
        "",
        _named_user,
        "image {image} runs as {user!r}, which may be any number",
        "write USER with a number",
    ),
    Rule(
        "",
        _other_user,
        "image {image} runs as uid {user}, not {wanted}",
        "fix USER, or `user` in the bundle",
    ),
    Rule(
        "",
        _root_group,
        "image {image} runs in root's group",
        "write USER {user}:{user} into its Dockerfile",
    ),
    Rule(
        "",
        _own_values,
        "image {image} carries a value of {variable}",
        "remove its ENV; values belong in the env file",
    ),
    Rule(
        "",
        _secrets_in_layers,
        "image {image} names the secret {variable} in a layer",
        "pass secrets to a build by RUN --mount=type=secret, never by ARG or ENV",
    ),
    Rule(
        "",
        _failed_check,
        "image {image} fails `{command}` on a read-only root{last}",
        "write below /tmp only; see how it starts, or fix `check` in the bundle",
    ),
)
