"""JSON Schemas of all results, and the tables of docs/reference/json.md, both from the dataclasses.

`python -m morphops.report.json_schema docs` writes them; a test holds the files equal to the code.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path

from morphops.core.results import (
    approval,
    audit,
    build,
    bundle,
    deploy,
    drift,
    env,
    failure,
    history,
    host,
    image,
    lock,
    logs,
    message,
    prune,
    quickstart,
    registry,
    release,
    runbook,
    smoke,
    status,
    verify,
    wait,
)
from morphops.core.results.base import Document, Json, json_name

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLAN_OR_RESULT = (deploy.PlanResult, deploy.DeployResult)
# What each task writes with `--json` where it does not fail.
TASKS: Mapping[str, tuple[type[Document], ...]] = {
    "deploy": _PLAN_OR_RESULT,
    "rollback": _PLAN_OR_RESULT,
    "up": (deploy.DeployResult,),
    "resume": (deploy.DeployResult,),
    "abort": (deploy.DeployResult,),
    "down": (deploy.Down,),
    "quickstart": (quickstart.Quickstart,),
    "status": (status.Status,),
    "verify": (verify.Verification,),
    "drift": (drift.Drift,),
    "smoke": (smoke.Smoke,),
    "wait": (wait.Wait,),
    "logs": (logs.Logs,),
    "lock.status": (lock.LockStatus,),
    "lock.break": (lock.LockBroken,),
    "history.show": (history.History,),
    "history.adopt": (history.Adoption,),
    "audit.show": (audit.AuditTrail,),
    "audit.verify": (audit.AuditProof,),
    "approval.list": (approval.ApprovalList,),
    "approval.grant": (approval.Approval,),
    "approval.revoke": (approval.Approval,),
    "build": (build.Build,),
    "pull": (release.ReleaseInfo,),
    "prune": (prune.Prune,),
    "release.create": (release.ReleaseCreated,),
    "release.show": (release.ReleaseDetail,),
    "release.list": (release.ReleaseList,),
    "release.pin": (release.Pin,),
    "release.unpin": (release.Pin,),
    "image.base": (image.BaseImages,),
    "image.check": (image.ImageCheck,),
    "bundle.check": (bundle.BundleCheck,),
    "bundle.init": (bundle.BundleInit,),
    "bundle.show": (bundle.BundleView,),
    "runbook.check": (runbook.RunbookCheck,),
    "runbook.show": (runbook.RunbookText,),
    "runbook.run": (runbook.RunbookRun,),
    "runbook.verify": (runbook.RunbookProof,),
    "env.template": (env.EnvTemplates,),
    "env.init": (env.EnvCreated,),
    "env.check": (env.EnvCheck,),
    "env.show": (env.EnvSources,),
    "env.edit": (env.EnvEdited,),
    "env.identity": (env.EnvIdentity,),
    "env.encrypt": (env.EnvEncrypted,),
    "host.check": (host.HostCheck,),
    "host.setup": (host.HostSetup,),
    "registry.up": (registry.RegistryInfo,),
    "registry.down": (registry.RegistryInfo,),
}
# What other programs read besides.
OTHERS: Mapping[str, tuple[type[Document], ...]] = {
    "error": (failure.Failure,),
    "event": (message.Event,),
    "webhook": (message.WebhookMessage,),
}

Schema = dict[str, Json]


def schema(types: Sequence[type[Document]]) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a document that has one of some types.

    Every field is required, for the encoder writes each. Others may be added to it later, so they
    are allowed.
    """
    from pydantic import TypeAdapter

    adapter: TypeAdapter[Document] = TypeAdapter(typing.Union[tuple(types)])  # type: ignore[arg-type]  # noqa: UP007
    made: Schema = adapter.json_schema(mode="serialization")
    classes = {cls.__name__: cls for cls in dataclasses_of(types)}
    return {"$schema": DIALECT, **_object(_tidied(made, classes))}


def files() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    return {
        f"{name}.json": json.dumps(schema(types), indent=2, sort_keys=True, ensure_ascii=False)
        + "\n"
        for name, types in (*TASKS.items(), *OTHERS.items())
    }


def descriptions(cls: type) -> dict[str, str]:
    """Return what the docstrings of a dataclass and of its bases say of its fields."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.cleandoc(base.__doc__ or "").partition("\nAttributes:\n")[2]
        for entry in re.findall(r"^    (\w[\w, ]*: .*(?:\n {8}.*)*)", text, re.MULTILINE):
            names, _, about = entry.partition(": ")
            for name in names.split(", "):
                found[name] = " ".join(about.split())
    return {field.name: found.get(field.name, "") for field in fields(cls)}


def dataclasses_of(types: Sequence[type]) -> Iterator[type]:
    """Yield the dataclasses that some types are made of, each once, in the order they are met."""
    met: dict[type, None] = {}
    waiting: list[object] = list(types)
    while waiting:
        found = waiting.pop(0)
        waiting += typing.get_args(found)
        if isinstance(found, type) and is_dataclass(found) and found not in met:
            met[found] = None
            hints = typing.get_type_hints(found)
            waiting += [hints[field.name] for field in fields(found)]
    yield from met


def _object(value: Json) -> Schema:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value


def _tidied(value: Json, classes: Mapping[str, type]) -> Json:
    """Return a schema as we publish it: JSON names, descriptions, and every field required."""
    if isinstance(value, list):
        return [_tidied(inner, classes) for inner in value]
    if not isinstance(value, dict):
        return value
    cls = classes.get(str(value.get("title", "")))
    kept = {
        key: _tidied(inner, classes)
        for key, inner in value.items()
        if key not in ("title", "default", "description", "properties", "required")
        # pydantic says so of classes that were read from YAML before; fields may be added to all.
        and not (key == "additionalProperties" and inner is False)
    }
    if cls is None or "properties" not in value:
        return kept
    about, properties = descriptions(cls), _object(value["properties"])
    own: Schema = {"schema": {"const": cls.schema}} if issubclass(cls, Document) else {}
    for name, inner in properties.items():
        own[json_name(name)] = {**_object(_tidied(inner, classes)), "description": about[name]}
    heading = inspect.cleandoc(cls.__doc__ or "").splitlines()[0]
    return {
        **kept,
        "title": cls.__name__,
        "description": heading,
        "properties": own,
        "required": [*sorted(own)],
    }


def page(text: str) -> str:
    """Return docs/reference/json.md with the tables between its marks."""
    for mark, table in (("results", _results()), ("others", _others()), ("objects", _objects())):
        begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->\n"
        before, _, rest = text.partition(begin)
        after = rest.partition(end)[2]
        text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def _results() -> str:
    named: dict[type[Document], list[str]] = {}
    for task, types in TASKS.items():
        for cls in types:
            option = " --plan" if cls is deploy.PlanResult else ""
            named.setdefault(cls, []).append(f"`{task}{option}`")
    return "\n".join(f"### {', '.join(tasks)}\n\n{_table(cls)}" for cls, tasks in named.items())


def _others() -> str:
    titles = {"error": "A failure", "event": "An event", "webhook": "What a webhook is sent"}
    return "\n".join(f"### {titles[name]}\n\n{_table(cls)}" for name, (cls,) in OTHERS.items())


def _objects() -> str:
    top = {cls for types in (*TASKS.values(), *OTHERS.values()) for cls in types}
    everything = sorted(
        dataclasses_of(sorted(top, key=lambda c: c.__name__)), key=lambda c: c.__name__
    )
    return "\n".join(f"### {cls.__name__}\n\n{_table(cls)}" for cls in everything if cls not in top)


def _table(cls: type) -> str:
    hints, about = typing.get_type_hints(cls), descriptions(cls)
    heading = inspect.cleandoc(cls.__doc__ or "").splitlines()[0]
    rows = ["| field | type | what it holds |", "|---|---|---|"]
    if issubclass(cls, Document):
        rows.append(f"| `schema` | number | {cls.schema} |")
    rows += [
        f"| `{json_name(field.name)}` | {_type(hints[field.name])} | "
        + about[field.name].replace("|", "\\|")
        + " |"
        for field in fields(cls)
    ]
    return f"{heading}\n\n" + "\n".join(rows) + "\n"


_PLAIN = {str: "text", int: "number", float: "number", bool: "true or false", object: "any"}


def _type(hint: object) -> str:
    """Return a type in words."""
    if isinstance(hint, type) and is_dataclass(hint):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    if isinstance(hint, type) and hint in _PLAIN:
        return _PLAIN[hint]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "text"
    if origin is tuple:
        return f"list of {_type(args[0])}"
    if origin is Mapping:
        return f"name → {_type(args[1])}"
    kinds = [_type(arg) for arg in args if arg is not type(None)]
    return " or ".join(dict.fromkeys((*kinds, *(["null"] if type(None) in args else []))))


def main(folder: Path) -> None:
    """Write the schemas and the tables.

    Args:
        folder: `docs`.
    """
    schemas = folder / "schemas"
    schemas.mkdir(exist_ok=True)
    for name, text in files().items():
        (schemas / name).write_text(text, encoding="utf-8")
    document = folder / "reference" / "json.md"
    document.write_text(page(document.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
