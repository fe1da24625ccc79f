"""The env schema of compose files: what their variables say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from morphops.core.bundle.derive.secret_names import can_be_made, holds_secret, is_secret_name
from morphops.core.checks.interpolation import Use, uses
from morphops.core.yaml_text import YamlText

PROFILES = "COMPOSE_PROFILES"
# Compose says these itself.
OF_COMPOSE = ("COMPOSE_PROJECT_NAME",)

Variable = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Says:
    """What an env schema is derived from.

    Attributes:
        texts: every compose file.
        decided: variables that the release or a document decides.
        profiles: of the services.
        env_files: path → its values, of the env files that a release does not carry.
    """

    texts: Mapping[str, YamlText]
    decided: Collection[str] = ()
    profiles: Collection[str] = ()
    env_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def variables(says: Says) -> tuple[dict[str, Variable], dict[str, str]]:
    """The variables of an env schema by name, in the order of the files; and who names each."""
    every = [use for text in says.texts.values() for use in uses(text)]
    by_name: dict[str, list[Use]] = {}
    for use in every:
        if use.name not in says.decided and use.name not in OF_COMPOSE:
            by_name.setdefault(use.name, []).append(use)
    found = {name: _variable(name, where) for name, where in by_name.items()}
    origins = {name: f"{where[0].file}:{where[0].line}" for name, where in by_name.items()}
    for path, values in says.env_files.items():
        for name, value in values.items():
            found[name] = _in_env_file(name, value, path, found.get(name))
            origins.setdefault(name, path)
    if says.profiles and PROFILES not in found:
        named = ", ".join(sorted(says.profiles))
        found[PROFILES] = {"about": f"Profiles that are on, with commas between: {named}."}
        origins[PROFILES] = "profiles"
    return found, origins


def of_images(texts: Mapping[str, YamlText]) -> frozenset[str]:
    """The variables that decide nothing but which image a service has: `image: app:${TAG}`."""
    every = [use for text in texts.values() for use in uses(text)]
    others = {use.name for use in every if not _is_image(use)}
    return frozenset(use.name for use in every if _is_image(use)) - others


def _is_image(use: Use) -> bool:
    return use.path[:1] == ("services",) and use.path[-1] == "image"


def with_changes(made: Mapping[str, Variable], changes: Mapping[str, Any]) -> dict[str, Variable]:
    """The variables with what a person says of some of them, key by key.

    Args:
        made: as they were derived.
        changes: name → keys that replace; a variable that nothing names is added.
    """
    changed = {
        name: {**made.get(name, {"about": "Named by the bundle."}), **spec}
        if isinstance(spec, dict)
        else spec
        for name, spec in changes.items()
    }
    return {**made, **changed}


def decided_variables(images: Any, documents: Any) -> frozenset[str]:
    """The variables that no person sets: the release decides them, or a document does.

    Args:
        images, documents: as the bundle has them; what is wrong with them is told elsewhere.
    """
    decided = {spec["variable"] for spec in _mappings(images) if spec.get("variable")}
    for document in _mappings(documents):
        provides = document.get("provides")
        decided |= set(provides if isinstance(provides, dict) else ())
    return frozenset(decided)


def _mappings(section: Any) -> list[dict[str, Any]]:
    items = section.values() if isinstance(section, dict) else ()
    return [item for item in items if isinstance(item, dict)]


def _variable(name: str, where: Sequence[Use]) -> Variable:
    default = next((u.word for u in where if u.operator in (":-", "-") and u.word), "")
    is_file = any(map(_is_secret_file, where))
    secret = is_secret_name(name) or holds_secret(default) or is_file
    refused = any(use.operator in (":?", "?") for use in where)
    bare = not default and all(use.operator == "" for use in where)
    # What is not set is empty for Compose; an empty password would be no protection.
    fresh = secret and can_be_made(name) and (refused or bare)
    about = f"Used by {', '.join(dict.fromkeys(_place(use.path) for use in where))}."
    if all(map(_is_image, where)):
        about += " Decides the image when a release is made; set it in .env."
    return _spec(
        about=about,
        required=refused or fresh or is_file,
        secret=secret,
        default=default,
        fresh=fresh,
    )


def _in_env_file(name: str, value: str, path: str, known: Variable | None) -> Variable:
    """A variable of an env file, which services are given as it stands there."""
    known = known or {"about": ""}
    secret = is_secret_name(name) or holds_secret(value) or bool(known.get("secret"))
    required = bool(value or known.get("required"))
    return _spec(
        about=f"{known['about']} Stands in {path}.".strip(),
        required=required,
        secret=secret,
        default=known.get("default", ""),
        fresh=secret and can_be_made(name) and required,
    )


def _spec(*, about: str, required: bool, secret: bool, default: str, fresh: bool) -> Variable:
    spec: Variable = {"about": about}
    if required:
        spec["required"] = True
    if secret:
        spec["secret"] = True
    if default and not required:
        spec["default"] = default
    if fresh:
        spec["generate"] = "hex32"
    return spec


def _is_secret_file(use: Use) -> bool:
    """Whether a secret of the compose file takes its content from the variable."""
    return use.by_name and use.path[:1] == ("secrets",)


def _place(path: tuple[str, ...]) -> str:
    """Who uses a variable; without lines, for the text is a part of the release."""
    if path[:1] == ("services",) and len(path) > 1:
        return path[1]
    return "/".join(path[:2])
