"""Made-up values, with which the compose files are rendered to be looked at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

from morphops.core.bundle.documents import variable_names
from morphops.core.bundle.schema import Bundle
from morphops.core.checks.interpolation import Use
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.yaml_text import YamlText

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


def values(
    bundle: Bundle,
    schema: EnvSchema,
    uses: Iterable[Use],
    wanted: Mapping[str, str] = MappingProxyType({}),
) -> MadeUp:
    """A value for each variable that has to have one, and for each secret.

    Args:
        bundle: names the variables of images and documents.
        schema: has the patterns that a value must match.
        uses: an image variable with a default keeps it.
        wanted: see `forms_by_place`.
    """
    found = dict.fromkeys(variable_names(bundle), "1")
    sentinels = {}
    for name, spec in schema.variables.items():
        if spec.secret:
            sentinels[name] = f"made-up-{name.lower().replace('_', '-')}"
            found[name] = _value(spec, sentinels[name], wanted.get(name, ""))
        elif spec.required:
            found[name] = _value(spec, "1", wanted.get(name, ""))
    must = {use.name for use in uses if use.refuses}
    for variable, image in bundle.image_variables.items():
        if variable in must:
            path = bundle.images[image].repository or image
            found[variable] = f"registry.invalid/{path}@sha256:{'a' * 64}"
    return MadeUp(found, sentinels)


def _value(spec: Variable, core: str, wanted: str) -> str:
    """A value of the right form, as far as one of the usual forms is right.

    Args:
        spec: of the variable.
        core: what the value holds where that can be.
        wanted: the form that its place asks for; empty where any text will do.
    """
    if spec.example:
        return spec.example
    given = spec.default or spec.placeholder
    usual = (core, f"/{core}", f"https://{core}.invalid/", f"{core}.invalid", *_FORMS, given)
    forms = (wanted, *usual) if wanted else usual
    return next((form for form in forms if re.fullmatch(spec.pattern or ".*", form)), core)


def without_form(schema: EnvSchema) -> tuple[str, ...]:
    """The required variables for which no made-up value has the right form."""
    return tuple(
        name
        for name, spec in schema.variables.items()
        if (spec.required or spec.secret)
        and spec.pattern
        and not re.fullmatch(spec.pattern, _value(spec, "1", ""))
    )


# What patterns usually ask for, the simple ones first.
_FORMS = (
    "1s", "true", "x", "xx", "example", "127.0.0.1", "10.0.0.2", "8080", "1m", "1.0", "a@b.invalid",
    "10001:10001", "http://127.0.0.1:8080", "http://127.0.0.1:8080/", "https://x.invalid",
    "x.invalid:8080", "127.0.0.1:8080", "10.0.0.0/24", "0x1", f"{'ab' * 8}", f"{'ab' * 16}",
    f"0x{'ab' * 20}", f"{'ab' * 32}", f"0x{'ab' * 32}", "info", "2026-01-01", "::1", "/x.json",
    "/x/y", "postgres://u:p@x.invalid/y", "redis://x.invalid:6379/0", "1g", "1-2", "UTC", "en",
)  # fmt: skip

_DURATIONS = ("interval", "timeout", "start_period", "start_interval", "stop_grace_period")
_BOOLEANS = ("read_only", "init", "privileged", "tty", "stdin_open", "disable", "internal")


def forms_by_place(sources: Iterable[YamlText]) -> dict[str, str]:
    """The form of each variable whose place in a compose file takes no other text.

    Args:
        sources: the compose files.
    """
    found: dict[str, str] = {}
    for source in sources:
        for path, scalar in source.values():
            for name, form in _forms(path, scalar.value):
                found.setdefault(name, form)
    return found


def _forms(path: tuple[str, ...], text: str) -> Iterator[tuple[str, str]]:
    """Name and form of each variable that decides a place, or the beginning or end of one."""
    begins, whole, ends = (re.match(p, text, re.DOTALL) for p in (_BEGINS, _WHOLE, _ENDS))
    last = path[-1] if path else ""
    if whole:
        if form := _FORM_OF_KEY.get(last):
            yield whole[1], form
        elif (path[:1] in (("secrets",), ("configs",)) and last == "file") or (
            "volumes" in path and last == "source"
        ):
            yield whole[1], "/1"
        elif path[:1] == ("networks",) and last == "name":
            yield whole[1], "made-up"
    elif begins and "volumes" in path and last.isdigit():
        yield begins[1], "/1"
    elif begins and "ports" in path and text[begins.end() - 1 :].count(":") >= _WITH_HOST:
        yield begins[1], "127.0.0.1"
    elif ends and "extra_hosts" in path:
        yield ends[1], "127.0.0.1"


_REFERENCE = r"\$\{?([A-Za-z_]\w*)(?:[:?][^}]*)?\}?"
_WHOLE, _BEGINS, _ENDS = rf"{_REFERENCE}\Z", rf"{_REFERENCE}:", rf"[^$]*[:=]{_REFERENCE}\Z"
_WITH_HOST = 2  # colons of `host:published:target`
_FORM_OF_KEY = {
    **dict.fromkeys(_DURATIONS, "1s"),
    **dict.fromkeys(_BOOLEANS, "true"),
    "host_ip": "127.0.0.1",
    "ipv4_address": "10.0.0.2",
    "subnet": "10.0.0.0/24",
}


def profile_sets(profiles: Sequence[str], schema: EnvSchema) -> list[tuple[str, ...]]:
    """The combinations of profiles that an env file may switch on, the smallest first.

    With many profiles: none, each alone, all.
    """
    sizes = range(len(profiles) + 1) if len(profiles) <= _MANY else (0, 1, len(profiles))
    every = [chosen for size in sizes for chosen in combinations(sorted(profiles), size)]
    spec = schema.variables.get(_PROFILES)
    pattern = (spec.pattern if spec else "") or ".*"
    return [chosen for chosen in every if re.fullmatch(pattern, ",".join(chosen))]
