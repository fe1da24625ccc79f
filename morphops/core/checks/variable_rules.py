"""The compose files and the env schema say the same of every variable. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches

from morphops.core.bundle.documents import variable_names
from morphops.core.bundle.schema import FIELD, Bundle
from morphops.core.checks.interpolation import Use
from morphops.core.env.schema import EnvSchema
from morphops.core.finding import Finding
from morphops.core.yaml_text import YamlText

NOTIFY = "notify-url"  # the rule's name, for `accept:`; its subject is the variable

_PINNED = "@sha256:"


def check(
    uses: Sequence[Use], bundle: Bundle, schema: EnvSchema, schema_text: YamlText
) -> Iterator[Finding]:
    """Everything in which they differ.

    Args:
        uses: of all compose files.
        bundle: names the variables of images, and those that documents decide.
        schema: the variables that a person sets.
        schema_text: the schema's own text, for the lines.
    """
    images = {spec.variable for spec in bundle.images.values()}
    provided = variable_names(bundle)
    known = {*schema.variables, *images, *provided}
    for use in uses:
        if use.name not in known:
            close = get_close_matches(use.name, known, 1)
            nearest = f"{close[0]} is the nearest; or " if close else ""
            yield _at(use, "is in no env schema", f"{nearest}add it to {schema_text.name}")
        elif use.name in images:
            yield from _image(use)
        elif use.name in provided:
            yield from _required(use, "a document decides it", secret=False)
        else:
            spec = schema.variables[use.name]
            if spec.required:
                yield from _required(use, "the env schema requires it", secret=spec.secret)
            else:
                yield from _optional(use, spec.default)
    yield from _unused(uses, bundle, schema, schema_text)
    yield from _secrets(bundle, schema, schema_text)


def notified(bundle: Bundle, schema: EnvSchema, text: YamlText) -> Iterator[Finding]:
    """The variable of the webhook's URL is in the env schema: another name tells nobody.

    Where only the environment of whoever deploys has it, the bundle says so by accepting this.

    Args:
        bundle, schema: see `check`.
        text: the bundle's own text, for the line.
    """
    name = _webhook(bundle)
    if name and name not in schema.variables:
        close = get_close_matches(name, schema.variables, 1)
        nearest = f"{close[0]} is the nearest; or " if close else ""
        yield Finding(
            text.name,
            text.line("notify", "url_from"),
            "is in no env schema, so only the environment of a deploy can have it",
            f"{nearest}add it there with secret: true, or accept that it comes from elsewhere",
            NOTIFY,
            (name,),
        )


def required(uses: Sequence[Use], bundle: Bundle, schema: EnvSchema) -> Mapping[str, Use]:
    """The variables without which Compose has to refuse, with the first place of each."""
    must = {name for name, spec in schema.variables.items() if spec.required} | variable_names(
        bundle
    )
    must |= {use.name for use in uses if use.refuses}
    return {use.name: use for use in reversed(uses) if use.name in must}


def _required(use: Use, why: str, *, secret: bool) -> Iterator[Finding]:
    if use.operator in (":-", "-") and use.word:
        what = "a secret stands here as its default" if secret else f"has a default here, and {why}"
        yield _at(use, what, f"write ${{{use.name}:?is not set}}")
    elif use.operator != ":?":
        yield _at(use, f"may be empty here, and {why}", f"write ${{{use.name}:?is not set}}")


def _optional(use: Use, default: str) -> Iterator[Finding]:
    if use.operator in (":?", "?"):
        yield _at(
            use,
            "Compose refuses without it, and the env schema lets it be left out",
            f"write required: true in the schema, or ${{{use.name}:-default}} here",
        )
    elif use.operator in (":-", "-") and use.word != default:
        yield _at(
            use,
            f"is {use.word!r} here by default, and {default!r} in the env schema",
            "write the same in both",
        )
    elif use.operator == "":
        yield _at(
            use,
            "is empty with a mere warning where it is not set",
            f"write ${{{use.name}:-{default}}}",
        )


def _image(use: Use) -> Iterator[Finding]:
    if use.operator in (":-", "-") and _PINNED in use.word:
        return
    if use.operator != ":?":
        yield _at(
            use,
            "may name no image, or one by tag",
            f"write ${{{use.name}:?is not set}}, or a default with a digest",
        )


def _unused(
    uses: Sequence[Use], bundle: Bundle, schema: EnvSchema, schema_text: YamlText
) -> Iterator[Finding]:
    if not uses:  # there is nothing in the files, and that is said already
        return
    used: Collection[str] = {use.name for use in uses}
    in_paths = {n for d in bundle.documents.values() for n in FIELD.findall(d.path)}
    for name in schema.variables:
        if name in used or name in in_paths or name == _webhook(bundle):
            continue
        if not name.startswith("COMPOSE_"):  # Compose itself reads those of its own
            yield Finding(
                schema_text.name,
                schema_text.line("variables", name),
                f"{name} is used by no compose file and by no document's path",
                "use it, or leave it out",
            )


def _secrets(bundle: Bundle, schema: EnvSchema, schema_text: YamlText) -> Iterator[Finding]:
    webhook = _webhook(bundle)
    if webhook in schema.variables and not schema.variables[webhook].secret:
        line = schema_text.line("variables", webhook)
        what = f"{webhook} holds the URL of a webhook, which is a secret"
        yield Finding(schema_text.name, line, what, "write secret: true")


def _webhook(bundle: Bundle) -> str:
    return bundle.notify.url_from if bundle.notify else ""


def _at(use: Use, what: str, remedy: str) -> Finding:
    return Finding(use.file, use.line, f"{use.name}: {what}", remedy)
