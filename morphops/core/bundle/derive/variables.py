"""The env schema of compose files: what their variables say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from morphops.core.bundle.derive.secret_names import can_be_made, holds_secret, is_secret_name
from morphops.core.checks.interpolation import Use

PROFILES = "COMPOSE_PROFILES"
# Compose says these itself.
OF_COMPOSE = ("COMPOSE_PROJECT_NAME",)


def variables(
    uses: Iterable[Use], *, decided: Collection[str], profiles: Collection[str]
) -> dict[str, dict[str, Any]]:
    """The variables of an env schema, by name, in the order of the files.

    Args:
        uses: of all compose files.
        decided: variables that the release or a document decides.
        profiles: of the services.
    """
    by_name: dict[str, list[Use]] = {}
    for use in uses:
        if use.name not in decided and use.name not in OF_COMPOSE:
            by_name.setdefault(use.name, []).append(use)
    found = {name: _variable(name, where) for name, where in by_name.items()}
    if profiles and PROFILES not in found:
        found[PROFILES] = {
            "about": f"Profiles that are on, with commas between: {', '.join(sorted(profiles))}."
        }
    return found


def with_changes(
    made: Mapping[str, Mapping[str, Any]], changes: Mapping[str, Any]
) -> dict[str, Any]:
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


def _variable(name: str, uses: Sequence[Use]) -> dict[str, Any]:
    default = next((u.word for u in uses if u.operator in (":-", "-") and u.word), "")
    secret = is_secret_name(name) or holds_secret(default) or any(map(_is_secret_file, uses))
    refused = any(use.operator in (":?", "?") for use in uses)
    bare = not default and all(use.operator == "" for use in uses)
    # What nobody sets is empty for Compose; a password that is empty would be no protection.
    fresh = secret and can_be_made(name) and (refused or bare)
    required = refused or fresh or any(map(_is_secret_file, uses))
    spec: dict[str, Any] = {"about": _about(uses)}
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


def _about(uses: Sequence[Use]) -> str:
    """Who uses it; without lines, for the text is a part of the release."""
    places = dict.fromkeys(_place(use.path) for use in uses)
    return f"Used by {', '.join(places)}."


def _place(path: tuple[str, ...]) -> str:
    if path[:1] == ("services",) and len(path) > 1:
        return path[1]
    return "/".join(path[:2])
