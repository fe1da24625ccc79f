"""The short and long forms of a service's keys, as one. Pure.

compose-spec, "Services": `depends_on`, `environment`, `volumes`, `env_file` and `build`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any

from morphops.core.yaml_plain import RESET, Tagged

_STARTED = "service_started"


def normal(service: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A service in its long forms, with paths relative to the bundle's folder.

    Args:
        service: as a file has it.
        base: the folder that its relative paths are relative to, as the bundle's folder sees it.
    """
    found = dict(service)
    for key, form in _FORMS.items():
        value = found.get(key)
        if value is None:
            continue
        if isinstance(value, Tagged):
            gone = value.tag == RESET
            found[key] = Tagged(value.tag, None if gone else form(value.value, base))
        else:
            found[key] = form(value, base)
    return found


def top_level(document: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The files of the secrets and configs of a file, relative to the bundle's folder."""
    found = {}
    for key in ("secrets", "configs"):
        if isinstance(document.get(key), dict):
            found[key] = {name: _filed(spec, base) for name, spec in document[key].items()}
    return found


def _filed(spec: Any, base: str) -> Any:
    if not isinstance(spec, dict) or not _is_beside(str(spec.get("file") or "")):
        return spec
    return {**spec, "file": _beside(str(spec["file"]), base)}


def _depends_on(value: Any, base: str) -> dict[str, Any]:
    del base
    if isinstance(value, list):
        return {str(name): {"condition": _STARTED} for name in value}
    return {
        name: spec if isinstance(spec, dict) else {"condition": _STARTED}
        for name, spec in value.items()
    }


def _environment(value: Any, base: str) -> dict[str, Any]:
    del base
    if not isinstance(value, list):
        return dict(value)
    pairs = (str(item).partition("=") for item in value)
    return {name: text if equals else None for name, equals, text in pairs}


def _volumes(value: Any, base: str) -> list[Any]:
    return [_volume(item, base) for item in value]


def _volume(item: Any, base: str) -> Any:
    found = {"type": "volume", **item} if isinstance(item, dict) else _short_volume(str(item))
    source = found.get("source") or ""
    if found["type"] == "bind" and isinstance(source, str) and _is_beside(source):
        found["source"] = _beside(source, base)
    return found


def _short_volume(text: str) -> dict[str, Any]:
    """`[source:]target[:mode]`; a colon inside of `${NAME:-x}` parts nothing."""
    parts = _split(text)
    if len(parts) == 1:
        return {"type": "volume", "target": parts[0]}
    source, target, *mode = parts
    options = mode[0].split(",") if mode else []
    named = source[:1] not in (".", "/", "~", "$")
    return {
        "type": "volume" if named else "bind",
        "source": source,
        "target": target,
        "read_only": "true" if "ro" in options else "false",
    }


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for place, char in enumerate(text):
        if char == "{" and text[place - 1 : place] == "$":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        if char == ":" and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _env_file(value: Any, base: str) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [_env_file_item(item, base) for item in items]


def _env_file_item(item: Any, base: str) -> Any:
    found = dict(item) if isinstance(item, dict) else {"path": str(item)}
    path = str(found.get("path", ""))
    return {**found, "path": _beside(path, base) if _is_beside(path) else path}


def _build(value: Any, base: str) -> dict[str, Any]:
    found = dict(value) if isinstance(value, dict) else {"context": str(value)}
    context = str(found.get("context", "."))
    if _is_beside(context) and "://" not in context:
        found["context"] = _beside(context, base)
    return found


def _is_beside(path: str) -> bool:
    return bool(path) and not path.startswith(("/", "~", "$"))


def _beside(path: str, base: str) -> str:
    """`./x` of a folder, as the bundle's folder sees it; always with `./` or `../`."""
    plain = posixpath.normpath(posixpath.join(base, path))
    return plain if plain == "." or plain.startswith("..") else f"./{plain}"


_FORMS: Mapping[str, Callable[[Any, str], Any]] = {
    "depends_on": _depends_on,
    "environment": _environment,
    "volumes": _volumes,
    "env_file": _env_file,
    "build": _build,
}
