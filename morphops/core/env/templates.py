"""What is written from the env schema: templates, the table of variables, a first env file."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

from morphops.core.env.dotenv import quote
from morphops.core.env.schema import EnvSchema, Variable

PLACEHOLDER = "CHANGE_ME"
_WIDTH = 78


def template(schema: EnvSchema, name: str) -> str:
    """The text of a template: what must be filled in as placeholders, the rest as comments.

    Args:
        schema: the source.
        name: of the template; empty for the whole of a schema that has none.
    """
    head = (
        f"{schema.templates[name].about} Written from the env schema by `inv env.template`; "
        f"`inv env.init PATH --template={name}` makes a real file of it, mode 0600, with fresh "
        "keys. A real one never goes into git."
        if name
        else "Every variable of the env schema. This file never goes into git."
    )
    blocks = [_comment(head)]
    blocks += [_block(*item) for item in schema.of_template(name).items()]
    return "\n\n".join(blocks) + "\n"


def _block(name: str, variable: Variable) -> str:
    notes = [variable.about]
    if variable.secret:
        notes.append("A secret.")
    if variable.generate:
        notes.append("inv env.init makes a fresh one.")
    if variable.same_as:
        notes.append(f"Must equal {variable.same_as}.")
    if variable.differs_from:
        notes.append(f"Must differ from {variable.differs_from}.")
    if variable.required:
        return f"{_comment(' '.join(notes))}\n{name}={variable.placeholder or PLACEHOLDER}"
    # What has a default need not stand in the file at all.
    return f"{_comment(' '.join(notes))}\n#{name}={variable.default}"


def _comment(text: str) -> str:
    lines = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in lines)


def table(schema: EnvSchema) -> str:
    """The variables as a Markdown table."""
    rows = ["| variable | must be set | default | what it is |", "|---|---|---|---|"]
    for name, variable in schema.variables.items():
        needed = "yes" if variable.required else "no"
        default = f"`{variable.default}`" if variable.default else ""
        notes = [variable.about]
        if variable.secret:
            notes.append("**Secret.**")
        if variable.generate:
            notes.append("`inv env.init` makes it.")
        if variable.same_as:
            notes.append(f"Equal to `{variable.same_as}`.")
        if variable.differs_from:
            notes.append(f"Not `{variable.differs_from}`.")
        rows.append(f"| `{name}` | {needed} | {default} | {' '.join(notes)} |")
    return "\n".join(rows) + "\n"


def first_file(schema: EnvSchema, name: str, values: Mapping[str, str]) -> str:
    """A template with some values filled in.

    Args:
        schema: the source.
        name: of the template.
        values: what is known already; the rest keeps its placeholder.
    """
    lines = []
    for line in template(schema, name).splitlines():
        variable = line.removeprefix("#").partition("=")[0]
        known = not line.startswith("# ") and values.get(variable, "")
        lines.append(f"{variable}={quote(known)}" if known else line)
    return "\n".join(lines) + "\n"


def left_to_fill(schema: EnvSchema, name: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The variables of a template that a person must still fill in."""
    return tuple(
        variable
        for variable, spec in schema.of_template(name).items()
        if spec.required and not values.get(variable)
    )


def shared(schema: EnvSchema, values: Mapping[str, str]) -> dict[str, str]:
    """Of another file's values those that must be the same everywhere: generated, or equal to one.

    Where only one of two equal ones is there, it stands for both.
    """
    found = {}
    for name, variable in schema.variables.items():
        if name in values and (variable.generate or variable.same_as):
            found[name] = values[name]
            if variable.same_as and variable.same_as not in values:
                found[variable.same_as] = values[name]
    return found


def taken_over(schema: EnvSchema, taken: Mapping[str, str]) -> frozenset[str]:
    """The variables whose value in a new file is another file's: `shared` has it, or their equal's.

    Args:
        schema: says what equals what.
        taken: what `shared` found.
    """
    over = set(taken)
    while more := {n for n, v in schema.variables.items() if v.same_as in over and n not in over}:
        over |= more
    return frozenset(over)


def generate(
    schema: EnvSchema, given: Mapping[str, str], fresh: Callable[[int], str]
) -> dict[str, str]:
    """Values for a new env file: the given ones, fresh keys, and what must equal another.

    Args:
        schema: says which values are generated.
        given: values that are decided already.
        fresh: so many random bytes, in hex (`secrets.token_hex`).
    """
    values = dict(given)
    for name, variable in schema.variables.items():
        if name not in values and variable.generate:
            values[name] = fresh(int(variable.generate.removeprefix("hex")))
    # What a variable equals may itself equal another.
    while more := {
        name: values[variable.same_as]
        for name, variable in schema.variables.items()
        if name not in values and variable.same_as in values
    }:
        values |= more
    return values
