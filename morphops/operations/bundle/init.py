"""`inv bundle.init`: a bundle for compose files that are there; none of them is changed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from morphops.adapters.store import compose_found, text_file, working_bundle
from morphops.adapters.store.working_bundle import WorkingBundle
from morphops.core.bundle import parse
from morphops.core.bundle.derive.complete import DOTENV, Completed, compose_files
from morphops.core.bundle.derive.first_values import FirstValues, first_values
from morphops.core.bundle.derive.notes import notes
from morphops.core.bundle.derive.waves import has_health_check
from morphops.core.bundle.schema import Bundle, ImageSpec
from morphops.core.checks.interpolation import substituted
from morphops.core.env import dotenv, templates
from morphops.core.env.dotenv import EnvFile
from morphops.core.env.parse import parse_env_schema
from morphops.core.env.schema import EnvSchema
from morphops.core.release.reference import is_loopback
from morphops.core.results.bundle import BundleInit, UnderstoodService
from morphops.core.schema import read_mapping
from morphops.core.yaml_plain import plain
from morphops.core.yaml_text import YamlText
from morphops.errors import InputError, MorphopsError, PreconditionError
from morphops.interfaces import Observer
from morphops.operations.env.init import write_new
from morphops.operations.env.schema import DERIVED
from morphops.settings import Settings
from morphops.site import BUNDLE, Site, find_bundle, open_site

_TASKS = "tasks.py"
_PROJECT = "COMPOSE_PROJECT_NAME"


@dataclass(frozen=True, slots=True)
class _Draft:
    """A bundle as it would be written, and the values for its variables."""

    path: Path
    text: str
    working: WorkingBundle
    schema: EnvSchema
    first: FirstValues

    @property
    def completed(self) -> Completed:
        return self.working.completed or Completed({})


def init(
    observer: Observer, folder: Path, named: Sequence[str], environ: Mapping[str, str]
) -> BundleInit:
    """Write a bundle beside compose files, and an env file into the state folder.

    What is there already stays; a second call changes nothing.

    Args:
        observer: is told how things go.
        folder: where the person stands.
        named: compose files; none to find them as Compose does.
        environ: the process environment.

    Raises:
        InputError: no compose file, another bundle is there, or a file lies outside of its folder.
        ConfigError: the compose files cannot be read, or cannot be released.
        PreconditionError: the bundle or the env file cannot be written.
    """
    found = compose_found.find(folder, named, environ)
    path = _place(found[0].parent, folder, environ)
    names = _names(found, path.parent)
    is_new = not path.exists()
    draft = _draft(_text(found, names, environ) if is_new else _there(path, names), path)
    if is_new:
        if draft.first.hidden:
            hidden = {"env": {"variables": {n: {"secret": True} for n in draft.first.hidden}}}
            draft = _draft(draft.text + parse.written(hidden), path)
        _write(path, draft.text)
    site = open_site(observer, {**environ, "MORPHOPS_BUNDLE": str(path)})
    env_file = site.env_file()
    has_env_file = env_file.exists()
    if not has_env_file:
        if env_file.absolute().parent == site.state.root:
            site.state.ensure()
        text = templates.first_file(draft.schema, "", draft.first.values)
        write_new(env_file, text.encode())
    return _result(site, draft, env_file, is_new=is_new, has_env_file=has_env_file)


def _place(beside: Path, folder: Path, environ: Mapping[str, str]) -> Path:
    """Where the bundle belongs: beside the first compose file."""
    settings = Settings.of(environ)
    path = Path(settings.bundle).absolute() if settings.bundle else beside / BUNDLE
    other = find_bundle(settings, folder)
    if other is not None and other != path:
        raise InputError(
            f"{other} is there already, and each command here reads that one",
            state="nothing was made",
            hint="inv bundle.show   (what it says), or set MORPHOPS_BUNDLE",
        )
    return path


def _names(found: Sequence[Path], folder: Path) -> list[str]:
    """The compose files as the bundle names them."""
    for path in found:
        if not path.is_relative_to(folder):
            raise InputError(
                f"{path} lies outside of {folder}, and a release carries what is inside of it",
                state="nothing was made",
                hint="name a compose file of the outermost folder first, or set MORPHOPS_BUNDLE",
            )
    return [str(path.relative_to(folder)) for path in found]


def _there(path: Path, names: Sequence[str]) -> str:
    """The text of a bundle that is there already, where it is of these compose files."""
    text = text_file.read(path)
    _, raw = read_mapping(text, str(path))
    if list(compose_files(raw)) != list(names):
        raise InputError(
            f"{path} is there already, and names {', '.join(compose_files(raw))}",
            state="it stays as it is",
            hint="edit it, or remove it and run the same command again",
        )
    return text


def _text(found: Sequence[Path], names: list[str], environ: Mapping[str, str]) -> str:
    """The text of a new bundle, with a project as Compose calls it."""
    top = plain(YamlText(names[0], text_file.read(found[0], names[0])))
    own = compose_found.values(found[0].parent / DOTENV)
    said = environ.get(_PROJECT) or own.get(_PROJECT, "")
    name = str((top if isinstance(top, dict) else {}).get("name") or "")
    project = said or substituted(name, own) or found[0].parent.name
    project = re.sub(r"[^a-z0-9_-]", "", project.lower()).lstrip("_-") or "stack"
    keys = {"schema": 1, "project": project, "compose": names[0] if len(names) == 1 else names}
    return "".join(f"{key}: {parse.flow(value)}\n" for key, value in keys.items())


def _draft(text: str, path: Path) -> _Draft:
    working = working_bundle.of_text(text, path)
    name = working.bundle.env.schema
    schema_text = working.texts.get(name) or text_file.read(path.parent / name)
    schema = parse_env_schema(schema_text, DERIVED if name in working.texts else name)
    given = _given(path.parent, working)
    idle = working.completed.image_variables if working.completed else ()
    first = first_values(schema, given, secrets.token_hex, idle=idle)
    return _Draft(path, text, working, schema, first)


def _given(folder: Path, working: WorkingBundle) -> dict[str, EnvFile]:
    """The files with values that plain Compose reads: path → what it says."""
    compose = working.bundle.compose
    paths = [str(PurePath(compose.files[0]).parent / DOTENV), *compose.values]
    return {
        name: dotenv.scan(text_file.read(folder / name, name), name)
        for name in dict.fromkeys(paths)
        if (folder / name).is_file()
    }


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise PreconditionError(
            f"cannot write {path}: {err.strerror}", state="nothing was made"
        ) from None


def _result(
    site: Site, draft: _Draft, env_file: Path, *, is_new: bool, has_env_file: bool
) -> BundleInit:
    bundle, first = draft.working.bundle, draft.first
    left = _left(site, draft.schema) if has_env_file else first.left
    return BundleInit(
        state="made" if is_new or not has_env_file else "as before",
        file=site.shown(draft.path),
        project=bundle.project,
        compose=bundle.compose.files,
        services=_services(draft.completed, bundle),
        env_file=str(env_file),
        generated=() if has_env_file else first.generated,
        taken=() if has_env_file else first.taken,
        left=left,
        carries=bundle.compose.carries,
        data=bundle.compose.data,
        leaves=bundle.compose.leaves,
        notes=(*_odd(first, has_env_file), *notes(draft.completed)),
        next=_next(site, draft, left),
    )


def _odd(first: FirstValues, has_env_file: bool) -> Iterator[str]:
    if first.odd and not has_env_file:
        yield (
            f"not taken over, since their lines are read in more than one way: "
            f"{', '.join(first.odd)}; set them: inv env.edit"
        )


def _left(site: Site, schema: EnvSchema) -> Mapping[str, str]:
    """What a person must still fill in, of an env file that was there."""
    try:
        values = site.read_env().values
    except MorphopsError:  # env.check says what is wrong with it
        return {}
    filled = {name: value for name, value in values.items() if value != templates.PLACEHOLDER}
    left = templates.left_to_fill(schema, "", filled)
    return {name: schema.variables[name].about for name in left}


def _services(completed: Completed, bundle: Bundle) -> tuple[UnderstoodService, ...]:
    images = {name: spec for spec in bundle.images.values() for name in spec.services}
    waves = {name: n for n, wave in enumerate(bundle.waves, 1) for name in wave.services}
    return tuple(
        UnderstoodService(
            name=name,
            image=_image(images[name]) if name in images else str(service.get("image") or ""),
            wave=waves.get(name, 0),
            job=name in bundle.jobs,
            health=has_health_check(service),
            profiles=tuple(map(str, service.get("profiles") or ())),
        )
        for name, service in completed.model.services.items()
    )


def _image(spec: ImageSpec) -> str:
    return spec.source or f"built here: {spec.repository}"


def _next(site: Site, draft: _Draft, left: Mapping[str, str]) -> tuple[str, ...]:
    """What to type next; `morphops` in a folder where Invoke finds no tasks."""
    bundle = draft.working.bundle
    own = any((place / _TASKS).is_file() for place in (site.folder, *site.folder.parents))
    images = bundle.images.items()
    named = [name for name, spec in images if spec.repository and not spec.target]
    words = [
        *(["env.edit"] if left else []),
        *(["registry.up"] if is_loopback(bundle.registry) else []),
        *(["build"] if any(spec.target for _, spec in images) else []),
        " ".join(["release.create", *(f"--image={name}=…" for name in named)]),
        "deploy --image=sha256:…",
    ]
    return tuple(f"{'inv' if own else 'morphops'} {line}" for line in words)
