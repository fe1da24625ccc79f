"""One compose file on top of another one, as Compose merges them. Pure.

compose-spec, "Merge and override": maps are merged, lists appended, and a few keys replaced;
`!reset` takes a value away, `!override` replaces it.
"""

from __future__ import annotations

from typing import Any

from morphops.core.yaml_plain import RESET, Tagged

# The last parts of paths whose list is replaced and not added to.
_REPLACED = ("command", "entrypoint", "test")
# Of these lists each item has a name, and the later item of a name counts.
_NAMED = {"volumes": "target", "env_file": "path"}


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A new mapping with what both say; where they differ, `above` counts."""
    return _maps(below, above)


def _maps(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, Tagged):
            result.pop(key, None)
            if value.tag != RESET:
                result[key] = untagged(value)
        elif key in below:
            result[key] = _both(below[key], value, key)
        else:
            result[key] = untagged(value)
    return result


def _both(below: Any, above: Any, key: str) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return _maps(below, above)
    if isinstance(below, list) and isinstance(above, list) and key not in _REPLACED:
        return _lists(below, above, key)
    # A key without a value says nothing more.
    return below if above is None and isinstance(below, dict) else untagged(above)


def _lists(below: list[Any], above: list[Any], key: str) -> list[Any]:
    name = _NAMED.get(key)
    items = [*below, *(untagged(item) for item in above)]
    if name is None:
        return items
    by_name = {item.get(name) if isinstance(item, dict) else str(item): item for item in items}
    return list(by_name.values())


def untagged(value: Any) -> Any:
    """The value without the tags of Compose; what is reset is gone."""
    if isinstance(value, Tagged):
        return untagged(value.value)
    if isinstance(value, dict):
        return {
            key: untagged(inner)
            for key, inner in value.items()
            if not (isinstance(inner, Tagged) and inner.tag == RESET)
        }
    if isinstance(value, list):
        return [untagged(inner) for inner in value]
    return value
