"""Rules for variables: the compose files and the env schema say the same of each. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from morphops.core.bundle.documents import variable_names
from morphops.core.bundle.schema import FIELD, Bundle
from morphops.core.checks.interpolation import Use
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.finding import Finding
from morphops.core.nearest import did_you_mean
from morphops.core.rule import Breach, Path, Rule, at, findings
from morphops.core.yaml_text import YamlText

NOTIFY = "notify-url"  # the rule's name, for `accept:`; its subject is the variable

_PINNED = "@sha256:"
_DEFAULT, _REFUSES = (":-", "-"), (":?", "?")


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a stack.

    Attributes:
        uses: of all compose files.
        bundle: names the variables of images, and those that documents provide.
        schema: the variables that a person sets.
        file: the schema's name in messages.
    """

    uses: Sequence[Use]
    bundle: Bundle
    schema: EnvSchema
    file: str = ""

    @property
    def images(self) -> frozenset[str]:
        """The variables of images."""
        return frozenset(self.bundle.image_variables)

    @property
    def provided(self) -> frozenset[str]:
        """The variables that documents provide."""
        return frozenset(variable_names(self.bundle))

    @property
    def written(self) -> Iterator[Use]:
        """Yields the uses as `${…}`, which say what happens without a value."""
        return (use for use in self.uses if not use.by_name)

    @property
    def required(self) -> Iterator[tuple[Use, str, bool]]:
        """Yields each use of a variable that must be set: the use, why, whether it is secret."""
        images, provided = self.images, self.provided
        for use in self.written:
            spec = self.schema.variables.get(use.name)
            if use.name in images:
                continue
            if use.name in provided:
                yield use, "a document provides it", False
            elif spec and spec.required:
                yield use, "the env schema requires it", spec.secret

    @property
    def optional(self) -> Iterator[tuple[Use, Variable]]:
        """Yields each use of a variable that the env schema does not require, and its spec."""
        others = self.images | self.provided
        for use in self.written:
            spec = self.schema.variables.get(use.name)
            if spec and not spec.required and use.name not in others:
                yield use, spec

    @property
    def webhook(self) -> str:
        """The variable that holds the webhook's URL; empty without a webhook."""
        return self.bundle.notify.url_from if self.bundle.notify else ""


InUse: TypeAlias = Iterator[Breach[Use]]
InFile: TypeAlias = Iterator[Breach[Path]]


def check(
    uses: Sequence[Use],
    bundle: Bundle,
    schema: EnvSchema,
    schema_text: YamlText,
) -> Iterator[Finding]:
    """Yields every difference between the compose files and the env schema.

    Args:
        uses, bundle, schema: see `Variables`.
        schema_text: the schema's own text, for the lines.
    """
    variables = Variables(uses, bundle, schema, schema_text.name)
    yield from findings(USE_RULES, variables, _locate)
    yield from findings(SCHEMA_RULES, variables, schema_text.locate)


def notified(bundle: Bundle, schema: EnvSchema, text: YamlText) -> Iterator[Finding]:
    """Yields a finding if the env schema lacks the variable of the webhook's URL.

    A bundle accepts it if the environment of a deploy has the variable.

    Args:
        bundle, schema: see `Variables`.
        text: the bundle's own text, for the line.
    """
    return findings(BUNDLE_RULES, Variables((), bundle, schema), text.locate)


def unrefused(use: Use, said: str | None) -> Iterator[Finding]:
    """Yields a finding if Compose renders without a required variable, or does not name it.

    Args:
        use: of the variable.
        said: what Compose said without it; None if it rendered.
    """
    return findings(UNREFUSED_RULES, (use, said), _locate)


def unformed(names: Sequence[str], schema_text: YamlText) -> Iterator[Finding]:
    """Yields a finding for each variable whose pattern no made-up value matches.

    Args:
        names: of the variables.
        schema_text: the schema's own text, for the lines.
    """
    return findings(UNFORMED_RULES, names, schema_text.locate)


def required(uses: Sequence[Use], bundle: Bundle, schema: EnvSchema) -> Mapping[str, Use]:
    """Returns the variables without which Compose must refuse, with the first use of each."""
    must = {name for name, spec in schema.variables.items() if spec.required} | variable_names(
        bundle
    )
    must |= {use.name for use in uses if use.refuses}
    # Of a key alone Compose takes what there is, and nothing where there is nothing.
    written = [use for use in uses if not use.by_name]
    return {use.name: use for use in reversed(written) if use.name in must}


def _locate(use: Use) -> tuple[str, int]:
    return use.file, use.line


def _on(use: Use, **words: object) -> Breach[Use]:
    return Breach(use, {"name": use.name, **words})


def _has_default(use: Use) -> bool:
    return use.operator in _DEFAULT and bool(use.word)


def _unknown(variables: Variables) -> InUse:
    known = {*variables.schema.variables, *variables.images, *variables.provided}
    add = f"add it to {variables.file}"
    for use in variables.uses:
        if use.name not in known:
            yield _on(use, advice=_or_else(use.name, known, add))


def _image_without_digest(variables: Variables) -> InUse:
    images = variables.images
    for use in variables.written:
        pinned = use.operator in _DEFAULT and _PINNED in use.word
        if use.name in images and not pinned and use.operator != ":?":
            yield _on(use)


def _secret_default(variables: Variables) -> InUse:
    return (_on(use) for use, _, secret in variables.required if secret and _has_default(use))


def _default_of_required(variables: Variables) -> InUse:
    for use, why, secret in variables.required:
        if not secret and _has_default(use):
            yield _on(use, why=why)


def _empty_required(variables: Variables) -> InUse:
    for use, why, _ in variables.required:
        if not _has_default(use) and use.operator != ":?":
            yield _on(use, why=why)


def _required_optional(variables: Variables) -> InUse:
    return (_on(use) for use, _ in variables.optional if use.operator in _REFUSES)


def _other_default(variables: Variables) -> InUse:
    for use, spec in variables.optional:
        if use.operator in _DEFAULT and use.word != spec.default:
            yield _on(use, word=use.word, default=spec.default)


def _bare_optional(variables: Variables) -> InUse:
    for use, spec in variables.optional:
        if use.operator == "":
            yield _on(use, default=spec.default)


def _unused(variables: Variables) -> InFile:
    if not variables.uses:  # the files have nothing in them, which another rule says
        return
    bundle = variables.bundle
    used = {use.name for use in variables.uses} | {variables.webhook}
    used |= {name for doc in bundle.documents.values() for name in FIELD.findall(doc.path)}
    for name in variables.schema.variables:
        if name not in used and not name.startswith("COMPOSE_"):  # which Compose itself reads
            yield at("variables", name, name=name)


def _public_webhook(variables: Variables) -> InFile:
    name = variables.webhook
    spec = variables.schema.variables.get(name)
    if spec and not spec.secret:
        yield at("variables", name, name=name)


def _undeclared_webhook(variables: Variables) -> InFile:
    name, known = variables.webhook, variables.schema.variables
    if name and name not in known:
        add = "add it there with secret: true, or accept that it comes from elsewhere"
        words = {"name": name, "advice": _or_else(name, known, add)}
        yield Breach(("notify", "url_from"), words, (name,))


def _unformed(names: Sequence[str]) -> InFile:
    return (at("variables", name, "pattern", name=name) for name in names)


def _unrefused(tried: tuple[Use, str | None]) -> InUse:
    use, said = tried
    if said is None or use.name not in said:
        yield _on(use, how="renders without it" if said is None else f"says only: {said}")


def _or_else(name: str, known: Mapping[str, object] | set[str], advice: str) -> str:
    near = did_you_mean(name, known, "")
    return f"{near} If not, {advice}" if near else advice


_REFUSE = "write ${{{name}:?is not set}}"

USE_RULES: tuple[Rule[Variables, Use], ...] = (
    Rule("", _unknown, "{name}: is in no env schema", "{advice}"),
    Rule(
        "",
        _image_without_digest,
        "{name}: may name no image, or one by tag",
        f"{_REFUSE}, or a default with a digest",
    ),
    Rule("", _secret_default, "{name}: a secret stands here as its default", _REFUSE),
    Rule("", _default_of_required, "{name}: has a default here, and {why}", _REFUSE),
    Rule("", _empty_required, "{name}: may be empty here, and {why}", _REFUSE),
    Rule(
        "",
        _required_optional,
        "{name}: Compose refuses without it, but the env schema does not require it",
        "write required: true in the schema, or ${{{name}:-default}} here",
    ),
    Rule(
        "",
        _other_default,
        "{name}: is {word!r} here by default, and {default!r} in the env schema",
        "write the same in both",
    ),
    Rule(
        "",
        _bare_optional,
        "{name}: is empty if it is not set, and Compose only warns",
        "write ${{{name}:-{default}}}",
    ),
)

SCHEMA_RULES: tuple[Rule[Variables, Path], ...] = (
    Rule(
        "",
        _unused,
        "{name} is used by no compose file and by no document's path",
        "use it, or remove it",
    ),
    Rule(
        "",
        _public_webhook,
        "{name} holds the URL of a webhook, which is a secret",
        "write secret: true",
    ),
)

BUNDLE_RULES: tuple[Rule[Variables, Path], ...] = (
    Rule(
        NOTIFY,
        _undeclared_webhook,
        "is in no env schema, so only the environment of a deploy can have it",
        "{advice}",
    ),
)

UNREFUSED_RULES: tuple[Rule[tuple[Use, str | None], Use], ...] = (
    Rule("", _unrefused, "{name} is required, and Compose {how}", _REFUSE),
)

UNFORMED_RULES: tuple[Rule[Sequence[str], Path], ...] = (
    Rule(
        "",
        _unformed,
        "{name}: no made-up value matches its pattern, so the compose files are tried with another",
        "write example: with a value of the right form",
    ),
)
