"""Rules for images as they are built: what only the image itself can show. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from morphops.core.bundle.schema import ImageSpec
from morphops.core.finding import Finding

_NUMERIC = re.compile(r"(\d+)(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was seen of an image.

    Attributes:
        user: as its configuration has it (OCI image spec, config.User); empty is root.
        variables: names that its configuration sets.
        layers: how each layer was made (OCI image spec, history.created_by).
        refused: what it wrote last where its `check` did not end well; empty where it did.
        failed: whether it did not.
    """

    user: str = ""
    variables: Collection[str] = ()
    layers: Sequence[str] = ()
    refused: Sequence[str] = ()
    failed: bool = False


def check(
    name: str,
    spec: ImageSpec,
    facts: Facts,
    *,
    owned: Collection[str],
    secrets: Collection[str],
    where: tuple[str, int],
) -> Iterator[Finding]:
    """What is wrong with an image.

    Args:
        name: in the bundle.
        spec: what the bundle says of it.
        facts: what was seen of it.
        owned: the variables of the env schema: a release never brings a value of one.
        secrets: those of them that are secret.
        where: file and line of the image in the bundle.
    """
    file, line = where

    def find(what: str, remedy: str) -> Finding:
        return Finding(file, line, f"image {name} {what}", remedy, subjects=(name,))

    found = _NUMERIC.fullmatch(facts.user)
    uid = int(found[1]) if found else -1
    if not facts.user or uid == 0:
        yield find("runs as root", f"write USER {spec.user or 10001} into its Dockerfile")
    elif uid < 0:
        yield find(f"runs as {facts.user!r}, and a name may be anybody", "write USER with a number")
    elif spec.user and uid != spec.user:
        yield find(f"runs as uid {uid}, not {spec.user}", "mend USER, or `user` in the bundle")
    elif found and found[2] and int(found[2][1:]) == 0:
        yield find("runs in root's group", f"write USER {uid}:{uid} into its Dockerfile")
    for variable in sorted(set(facts.variables) & set(owned)):
        yield find(f"carries a value of {variable}", "remove its ENV; values stand in the env file")
    for variable in sorted(secrets):
        if any(re.search(rf"\b{re.escape(variable)}\b", layer) for layer in facts.layers):
            yield find(
                f"names the secret {variable} in a layer",
                "a build takes secrets by RUN --mount=type=secret, never by ARG or ENV",
            )
    if facts.failed:
        words = " ".join(spec.check)
        said = f": {facts.refused[-1]}" if facts.refused else ""
        yield find(
            f"does not end well with `{words}` on a read-only root{said}",
            "it may write below /tmp only; see how it starts, or mend `check` in the bundle",
        )
