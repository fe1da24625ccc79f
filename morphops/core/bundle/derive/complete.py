"""A short bundle → the complete one, and where each part of it comes from. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from morphops.core.bundle.derive.beside import Beside, Place, mounts, sorted_out
from morphops.core.bundle.derive.compose_files import ComposeModel, together
from morphops.core.bundle.derive.images import images
from morphops.core.bundle.derive.probe_places import of_probes
from morphops.core.bundle.derive.variables import (
    Says,
    decided_variables,
    of_images,
    variables,
    with_changes,
)
from morphops.core.bundle.derive.waves import jobs, waves
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

DOTENV = ".env"  # beside the first compose file, as Compose has it
SCHEMA = "env/schema.yaml"  # what the env schema is called where it is derived
REGISTRY = "127.0.0.1:5000"

BY_DEFAULT = "default"
NO_RUNBOOKS = "runbooks"  # the rule of `bundle.check`, and its subject

# Without one of these a bundle is short.
_NEEDED = ("registry", "releases", "images", "compose", "env", "waves")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What lies beside a short bundle.

    Attributes:
        texts: the compose files, and those that they include or extend, by their path from the
            bundle's folder.
        values: of `.env`.
        places: what lies at the paths that the compose files name.
        env_files: the values of each `env_file` of a service.
        schema: whether there is a file `env/schema.yaml`.
        runbooks: the folder of the runbooks, from the bundle's folder.
        has_runbooks: whether one is there.
    """

    texts: Mapping[str, YamlText]
    values: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, Place] = field(default_factory=dict)
    env_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    schema: bool = False
    runbooks: str = "../runbooks"
    has_runbooks: bool = True


@dataclass(frozen=True, slots=True)
class Completed:
    """A complete bundle.

    Attributes:
        raw: its keys, with nothing left to derive.
        schema: the env schema; None where it is a file.
        origins: path (`images/db`) → where that part comes from.
        model: what the compose files say; nothing where they were not read.
        image_variables: those that decide images alone, when a release is made.
    """

    raw: Mapping[str, Any]
    schema: Mapping[str, Any] | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    model: ComposeModel = field(default_factory=lambda: ComposeModel({}))
    image_variables: frozenset[str] = frozenset()


def is_short(raw: Mapping[str, Any]) -> bool:
    """Whether a bundle leaves out what can be derived."""
    env = raw.get("env")
    return (
        any(key not in raw for key in _NEEDED)
        or not isinstance(raw["compose"], dict)
        or (isinstance(env, dict) and not {"file", "schema"} <= env.keys())
    )


def compose_files(raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The compose files that a bundle names, those of profiles included, in order.

    Raises:
        ConfigError: it names none.
    """
    compose = _compose(raw.get("compose"))
    names = list(compose["files"])
    for files in (compose.get("profiles") or {}).values():
        names += files
    return tuple(dict.fromkeys(names))


def _compose(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = [value]
    spec = {"files": value} if isinstance(value, list) else value
    files = spec.get("files") if isinstance(spec, dict) else None
    if not files or not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise ConfigError(
            "bundle.yaml: compose: must name a compose file, or a list of them",
            state="nothing was changed",
            hint="write compose: compose.yaml",
        )
    return dict(spec)


def complete(raw: Mapping[str, Any], around: Surroundings, text: YamlText) -> Completed:
    """The complete bundle: each key that the person wrote stays, and the others are derived.

    Args:
        raw: what the person wrote.
        around: what lies beside it.
        text: what the person wrote, for the lines.

    Raises:
        ConfigError: the compose files do not say what is needed, or cannot be read.
    """
    if not is_short(raw):
        return Completed(raw, origins={key: _at(text, key) for key in raw})
    return _Completion(raw, around, text).done()


def _at(text: YamlText, *path: str) -> str:
    """`file:line` of a key of the bundle."""
    name = posixpath.basename(text.name)
    return f"{name}:{text.line(*path)}"


class _Completion:
    def __init__(self, raw: Mapping[str, Any], around: Surroundings, text: YamlText) -> None:
        self._raw, self._around, self._text = raw, around, text
        self._origins: dict[str, str] = {}
        self._compose = _compose(raw.get("compose"))
        files = compose_files(raw)
        self._model = together(files, around.texts)
        self._files = ", ".join(dict.fromkeys(around.texts[name].name for name in files))
        if not self._model.services:
            raise ConfigError(
                f"{self._files}: there is no service in it",
                state="nothing was changed",
                hint="write services: and what the stack consists of",
            )
        self._schema: Mapping[str, Any] | None = None
        self._project = str(self._key("project", self._name))

    def done(self) -> Completed:
        raw: dict[str, Any] = {key: self._raw[key] for key in ("schema",) if key in self._raw}
        self._origins |= {key: _at(self._text, key) for key in raw}
        raw["project"] = self._project
        raw["registry"] = self._key("registry", lambda: REGISTRY)
        raw["releases"] = self._key("releases", lambda: f"{self._project}/releases")
        raw["images"] = self._key("images", self._images, self._files)
        raw["compose"] = self._with_beside()
        raw["env"] = self._env(raw["images"])
        if ends := self._jobs():
            raw["jobs"] = ends
        offline, running = of_probes(self._raw.get("probes"))
        if offline and "checks" not in self._raw:
            raw["checks"] = offline
            self._origins["checks"] = "probes that read files only"
        raw["waves"] = self._key(
            "waves", lambda: self._waves(running), f"{self._files}: depends_on"
        )
        for key in _FIXED:
            raw[key] = self._key(key, partial(_FIXED.get, key))
        raw["runbooks"] = self._key("runbooks", lambda: self._around.runbooks)
        if accept := self._accept():
            raw["accept"] = accept
        rest = {key: value for key, value in self._raw.items() if key not in raw}
        self._origins |= {key: _at(self._text, key) for key in rest}
        return Completed(
            {**raw, **rest},
            self._schema,
            self._origins,
            self._model,
            of_images(self._around.texts),
        )

    def _key(self, key: str, derived: Callable[[], Any], origin: str = BY_DEFAULT) -> Any:
        """What the person wrote, or else what is derived."""
        if key in self._raw:
            self._origins[key] = _at(self._text, key)
            return self._raw[key]
        self._origins[key] = origin
        return derived()

    def _name(self) -> str:
        name = self._model.top.get("name")
        if not name or "$" in str(name):
            raise ConfigError(
                f"{self._text.name}:1: project: is missing; add it",
                state="nothing was changed",
                hint="write project: and the name of the stack",
            )
        self._origins["project"] = f"{self._files}: name"
        return str(name)

    def _ends(self) -> tuple[str, ...]:
        named = self._raw.get("jobs")
        named = named if isinstance(named, dict) else {}
        return tuple(dict.fromkeys((*named, *jobs(self._model.services))))

    def _jobs(self) -> Any:
        """The jobs that the person named, and those that others wait for."""
        named = self._raw.get("jobs", {})
        if not isinstance(named, dict):
            return named
        for name in self._ends():
            told = f"{self._model.where.get(name, self._files)}: others wait for its end"
            own = _at(self._text, "jobs", name)
            self._origins[f"jobs/{name}"] = own if name in named else told
        return {name: named.get(name, {"run": "once"}) for name in self._ends()}

    def _images(self) -> dict[str, Any]:
        found = images(
            self._model.services,
            project=self._project,
            ends=self._ends(),
            values=self._around.values,
            where=self._model.where,
        )
        for name, image in found.items():
            service = next((n for n in self._of_image(image.spec)), "")
            where = self._model.where.get(service, self._files)
            self._origins[f"images/{name}"] = f"{where}: {image.origin}"
        return {name: dict(image.spec) for name, image in found.items()}

    def _of_image(self, spec: Mapping[str, Any]) -> Sequence[str]:
        if "services" in spec:
            return list(spec["services"])
        variable = spec["variable"]
        named = self._model.services.items()
        return [name for name, s in named if variable in str(s.get("image") or "")]

    def _with_beside(self) -> dict[str, Any]:
        beside = self._beside()
        self._origins["compose"] = _at(self._text, "compose")
        named = {path for key in _BESIDE for path in self._listed(key)}
        for key in _BESIDE:
            found: Mapping[str, str] = getattr(beside, key)
            if key in self._compose:
                self._origins[f"compose/{key}"] = _at(self._text, "compose", key)
            elif own := [path for path in found if path not in named]:
                self._compose[key] = self._names_of(own) if key == "values" else own
                self._origins |= {f"compose/{key}/{path}": found[path] for path in own}
        return self._compose

    def _listed(self, key: str) -> list[str]:
        value = self._raw.get("compose")
        listed = value.get(key) if isinstance(value, dict) else None
        return [str(path) for path in listed] if isinstance(listed, list | dict) else []

    def _names_of(self, env_files: Sequence[str]) -> dict[str, list[str]]:
        """The variables that each env file sets."""
        return {path: list(self._around.env_files.get(path, ())) for path in env_files}

    def _beside(self) -> Beside:
        found = mounts(self._model, self._around.values)
        return sorted_out(found, self._around.places, self._around.env_files)

    def _env(self, image_specs: Any) -> Any:
        env = self._raw.get("env", {})
        if not isinstance(env, dict):
            return env
        env = dict(env)
        changes = env.pop("variables", None) if "schema" not in env else None
        for key, value in (("file", f"{{state}}/{self._project}.env"), ("schema", SCHEMA)):
            own = _at(self._text, "env", key)
            self._origins[f"env/{key}"] = own if key in env else BY_DEFAULT
            env.setdefault(key, value)
        if "schema" not in self._raw.get("env", {}):
            if self._around.schema:
                self._origins["env/schema"] = "the file is there"
            else:
                self._origins["env/schema"] = f"{self._files}: ${{…}}"
                self._schema = self._derived_schema(image_specs, changes)
        return env

    def _derived_schema(self, image_specs: Any, changes: Any) -> Mapping[str, Any]:
        values = self._compose.get("values")
        says = Says(
            texts=self._around.texts,
            decided=decided_variables(image_specs, self._raw.get("documents")),
            profiles=self._profiles(),
            env_files={
                path: self._around.env_files.get(path, dict.fromkeys(names, ""))
                for path, names in (values if isinstance(values, dict) else {}).items()
            },
        )
        found, origins = variables(says)
        self._origins |= {f"env/variables/{name}": origin for name, origin in origins.items()}
        if isinstance(changes, dict):
            found = with_changes(found, changes)
            for name in changes:
                own = _at(self._text, "env", "variables", name)
                self._origins[f"env/variables/{name}"] = own
        return {"schema": 1, "variables": found}

    def _profiles(self) -> frozenset[str]:
        named = self._compose.get("profiles")
        own = named if isinstance(named, dict) else {}
        services = self._model.services.values()
        return frozenset(own) | {name for s in services for name in s.get("profiles") or ()}

    def _waves(self, probes: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        named = self._raw.get("jobs")
        specs = named.values() if isinstance(named, dict) else ()
        undo = {spec.get("undo") for spec in specs if isinstance(spec, dict)}
        services = {n: s for n, s in self._model.services.items() if n not in undo}
        return waves(services, self._ends(), probes)

    def _accept(self) -> Any:
        given = self._raw.get("accept", [])
        if "accept" in self._raw:
            self._origins["accept"] = _at(self._text, "accept")
        if self._around.has_runbooks or not isinstance(given, list):
            return given
        if any(isinstance(item, dict) and item.get("rule") == NO_RUNBOOKS for item in given):
            return given
        self._origins[f"accept/{len(given)}"] = "there are no runbooks yet"
        none = {"rule": NO_RUNBOOKS, "subject": NO_RUNBOOKS, "reason": "none are written yet"}
        return [*given, none]


# What a key that is left out means, whatever the compose files say.
_BESIDE = ("carries", "data", "leaves", "values")
_FIXED: Mapping[str, Any] = {
    "settle": 15,
    "pull": {"stalled_after": 120},
    "retention": {"keep": 3},
}
