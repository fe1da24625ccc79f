"""Made-up values, with which the compose files are rendered to be looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from morphops.core.bundle.documents import variable_names
from morphops.core.bundle.schema import Bundle
from morphops.core.checks.interpolation import Use
from morphops.core.env.schema import EnvSchema, Variable

_PROFILES = "COMPOSE_PROFILES"
_MANY = 4  # profiles; with more, not every combination of them is looked at


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Values for a rendering.

    Attributes:
        values: variable → value, for all without a default.
        sentinels: secret variable → a text that stands in its value and nowhere else.
    """

    values: Mapping[str, str]
    sentinels: Mapping[str, str]


def values(bundle: Bundle, schema: EnvSchema, uses: Iterable[Use]) -> MadeUp:
    """A value for each variable that has to have one, and for each secret.

    Args:
        bundle: names the variables of images and documents.
        schema: has the patterns that a value must match.
        uses: an image variable with a default keeps it.
    """
    found = dict.fromkeys(variable_names(bundle), "1")
    sentinels = {}
    for name, spec in schema.variables.items():
        if spec.secret:
            sentinels[name] = f"made-up-{name.lower().replace('_', '-')}"
            found[name] = _value(spec, sentinels[name])
        elif spec.required:
            found[name] = _value(spec, "1")
    must = {use.name for use in uses if use.refuses}
    for image in bundle.images.values():
        if image.variable in must:
            found[image.variable] = f"registry.invalid/{image.repository}@sha256:{'a' * 64}"
    return MadeUp(found, sentinels)


def _value(spec: Variable, core: str) -> str:
    """A value of the right form, where one of the usual forms is right."""
    forms = (core, f"/{core}", f"https://{core}.invalid/", f"{core}.invalid")
    return next((form for form in forms if re.fullmatch(spec.pattern or ".*", form)), core)


def profile_sets(profiles: Sequence[str], schema: EnvSchema) -> list[tuple[str, ...]]:
    """The combinations of profiles that an env file may switch on, the smallest first.

    With many profiles: none, each alone, all.
    """
    sizes = range(len(profiles) + 1) if len(profiles) <= _MANY else (0, 1, len(profiles))
    every = [chosen for size in sizes for chosen in combinations(sorted(profiles), size)]
    spec = schema.variables.get(_PROFILES)
    pattern = (spec.pattern if spec else "") or ".*"
    return [chosen for chosen in every if re.fullmatch(pattern, ",".join(chosen))]
