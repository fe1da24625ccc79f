"""Rules for the quickstart: that it fits the env schema, the images and the tree. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches

from morphops.core.bundle.quickstart import Quickstart
from morphops.core.env.schema import EnvSchema
from morphops.core.finding import Finding
from morphops.core.yaml_text import YamlText


def check(
    recipe: Quickstart,
    schema: EnvSchema,
    text: YamlText,
    *,
    images: Collection[str],
    services: Collection[str],
    there: Callable[[str], bool],
) -> Iterator[Finding]:
    """What is wrong with a quickstart.

    Args:
        recipe: as it was read.
        schema: whose variables its values are.
        text: its own text, for the lines.
        images, services: of the bundle.
        there: whether a path below the bundle's folder exists.
    """

    def find(what: str, remedy: str, *path: str) -> Finding:
        return Finding(text.name, text.line(*path), what, remedy)

    for name, value in recipe.env.items():
        spec = schema.variables.get(name)
        if spec is None:
            nearest = get_close_matches(name, schema.variables, 1)
            remedy = f"{nearest[0]} is the nearest" if nearest else "remove it"
            yield find(f"{name} is no variable of the env schema", remedy, "env", name)
        elif spec.pattern and not re.fullmatch(spec.pattern, value.replace("{state}", "/state")):
            remedy = f"write what matches {spec.pattern}"
            yield find(f"{name} does not match its pattern", remedy, "env", name)
    for name, spec in schema.variables.items():
        if spec.required and not (spec.generate or spec.same_as or name in recipe.env):
            yield find(f"{name} is required, and has no value here", f"{name}: …", "env")
    for number, item in enumerate(recipe.prepare):
        at = ("prepare", str(number))
        if item.image not in images:
            yield find(f"no image {item.image!r}", f"one of {', '.join(images)}", *at, "image")
        for folder in item.reads:
            if not there(folder):
                yield find(f"there is no {folder} to read", "mend the path", *at, "reads")
    if recipe.ask.service not in services:
        yield find(f"{recipe.ask.service!r} is in no wave", "name one that is", "ask", "service")
    if not there(recipe.ask.document):
        yield find(f"there is no {recipe.ask.document}", "mend the path", "ask", "document")
