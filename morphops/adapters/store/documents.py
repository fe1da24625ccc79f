"""Reads the documents of a bundle from the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from morphops.core.bundle.documents import Loaded
from morphops.core.bundle.schema import FIELD, Bundle
from morphops.errors import InputError, PreconditionError


def load(bundle: Bundle, values: Mapping[str, str]) -> dict[str, Loaded]:
    """Read every document of the bundle.

    Args:
        bundle: names them.
        values: the env file's values, for the paths.

    Raises:
        InputError: one is not there, or is no JSON.
    """
    loaded = {}
    for name, document in bundle.documents.items():
        path = Path(_fill(document.path, values, f"documents/{name}/path"))
        try:
            loaded[name] = Loaded(path, json.loads(path.read_bytes()))
        except FileNotFoundError:
            raise InputError(
                f"document {name}: there is no {path}",
                state="nothing was changed",
                hint="fix the folder in the env file, or put the data there",
            ) from None
        except OSError as err:
            raise InputError(f"document {name}: {path}: {err.strerror}") from None
        except (ValueError, RecursionError) as err:
            raise InputError(
                f"document {name}: {path} is no JSON: {err}", state="nothing was changed"
            ) from None
    return loaded


def recorded(path: Path) -> dict[str, str]:
    """What the documents of a deployment said: name → digest; empty where it is not known.

    Raises:
        PreconditionError: the file is broken.
    """
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:  # an earlier version made the deployment
        return {}
    except (OSError, ValueError, RecursionError) as err:
        raise PreconditionError(f"{path} cannot be read: {err}") from None
    if not isinstance(found, dict):
        raise PreconditionError(f"{path} cannot be read: it is not what was written")
    return {str(name): str(digest) for name, digest in found.items()}


def _fill(template: str, values: Mapping[str, str], where: str) -> str:
    for name in FIELD.findall(template):
        if not values.get(name):
            raise InputError(f"{where}: {name} is not set in the env file")
    return FIELD.sub(lambda field: values[field[1]], template)
