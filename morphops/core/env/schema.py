"""What the variables of a stack are: the env schema, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable of the env file.

    Attributes:
        about: what it is, for the one who fills it in.
        required: whether there must be a value.
        secret: whether the value must never be shown.
        default: what the compose files use where it is not set; for documentation.
        pattern: a regular expression that the whole value must match.
        example: a value of the right form, with which `bundle.check` tries the compose files.
        placeholder: what a template holds in its place; refused in a real file.
        generate: how `quickstart` makes a fresh value: so many random bytes in hex.
        same_as: a variable that must have the same value.
        differs_from: a variable that must have another value.
        binds: for a host port, the variable with the address that it is bound on.
    """

    about: str
    required: bool = False
    secret: bool = False
    default: str = ""
    pattern: str = ""
    example: str = ""
    placeholder: str = ""
    generate: Literal["", "hex16", "hex32"] = ""
    same_as: str = ""
    differs_from: str = ""
    binds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An env file to begin with.

    Attributes:
        about: whom it is for.
        variables: the names that it holds; `*` stands for anything.
    """

    about: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSchema:
    """Every variable that an env file may hold, by name, and the templates made of them."""

    schema: Literal[1]
    variables: Mapping[str, Variable] = field(default_factory=dict)
    templates: Mapping[str, Template] = field(default_factory=dict)

    def of_template(self, name: str) -> dict[str, Variable]:
        """The variables of a template, in the schema's order.

        Args:
            name: of the template; empty where the schema has none, and then it is all of them.
        """
        if not name and not self.templates:
            return dict(self.variables)
        patterns = self.templates[name].variables
        return {
            variable: spec
            for variable, spec in self.variables.items()
            if any(fnmatchcase(variable, pattern) for pattern in patterns)
        }

    def only(self, name: str) -> EnvSchema:
        """The schema of a template's file alone, without relations to what is elsewhere."""
        here = self.of_template(name)
        return EnvSchema(
            schema=self.schema,
            variables={
                variable: replace(
                    spec,
                    same_as=spec.same_as if spec.same_as in here else "",
                    differs_from=spec.differs_from if spec.differs_from in here else "",
                )
                for variable, spec in here.items()
            },
        )

    def secrets(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """The values among these that must never be seen."""
        return tuple(
            value
            for name, value in values.items()
            if value and (name not in self.variables or self.variables[name].secret)
        )
