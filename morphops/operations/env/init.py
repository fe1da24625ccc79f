"""`inv env.init`."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path

from morphops.adapters.store import env_file, text_file
from morphops.core.env import dotenv, encryption, templates
from morphops.core.env.dotenv import EnvFile
from morphops.core.results.env import EnvCreated
from morphops.errors import InputError, PreconditionError
from morphops.operations.env.schema import need_template, read_schema
from morphops.site import Site


def init(site: Site, path: str = "", *, name: str = "", source: str = "") -> EnvCreated:
    """Make an env file, mode 0600, with fresh keys; what is there already is never overwritten.

    Args:
        site: where.
        path: the file, where it is not the default one; one that ends in `.age` is encrypted.
        name: of the template. Empty for the schema's first one, or for the whole schema where it
            has none.
        source: another env file, whose shared values (keys that must be equal) are taken over.

    Returns:
        `template`: whose part alone the file holds, empty for the whole. `made`: what was
        generated. `taken`: what is as in the other file. `left`: what a person must fill in.

    Raises:
        InputError: no such template, other file or home, the file is there, its folder is not, or
            equal keys cannot be known.
        PreconditionError: the state folder, where it lies in that, cannot be used.
    """
    if path.startswith("-"):
        # For Invoke a flag that it does not know is the path that it waits for.
        raise InputError(
            f"{path!r} begins with a dash: a mistyped flag?",
            state="nothing was made",
            hint=f"inv --help env.init   (a file of that name: ./{path})",
        )
    target = text_file.path(path) if path else site.env_file()
    schema = read_schema(site)
    name = name or next(iter(schema.templates), "")
    if name:
        need_template(schema, name)
    here = schema.of_template(name)
    taken = {}
    if source:
        taken = templates.shared(schema, _source(site, source).values)
    for variable, spec in here.items():
        if (
            spec.same_as
            and spec.same_as not in here
            and not {variable, spec.same_as} & taken.keys()
        ):
            raise InputError(
                f"{variable} must equal {spec.same_as}, which stands in another file",
                state="nothing was changed",
                hint=f"inv env.init {target} --template={name} --source=THE_OTHER_FILE",
            )
    values = templates.generate(schema, taken, secrets.token_hex)
    data = templates.first_file(schema, name, values).encode()
    encrypted = target.suffix == encryption.SUFFIX
    if target.absolute().parent == site.state.root:
        site.state.ensure()
    write_new(target, site.keys.encrypt(data) if encrypted else data)
    left = templates.left_to_fill(schema, name, values)
    over = templates.taken_over(schema, taken)
    return EnvCreated(
        path=str(target),
        template=name if here.keys() != schema.variables.keys() else "",
        encrypted=encrypted,
        made=tuple(sorted(n for n in here if n in values and n not in over)),
        taken=tuple(sorted(n for n in here if n in over)),
        left={variable: schema.variables[variable].about for variable in left},
    )


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, mode 0600.

    Raises:
        InputError: it is there, or its folder is not.
        PreconditionError: it cannot be written.
    """
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise InputError(
            f"{path} is there already",
            state="it stays as it is",
            hint=f"inv env.check --env-file={path}",
        ) from None
    except OSError as err:
        raise InputError(
            f"cannot make {path}: {err.strerror}",
            state="nothing was made",
            hint=f"mkdir -p -m 700 {shlex.quote(str(path.parent))}, or name a file elsewhere"
            if isinstance(err, FileNotFoundError)
            else "name a file in a folder that you may write: inv env.init PATH",
        ) from None
    try:
        path.write_bytes(data)
    except OSError as err:
        path.unlink(missing_ok=True)
        raise PreconditionError(
            f"cannot write {path}: {err.strerror}", state="nothing was made"
        ) from None


def _source(site: Site, source: str) -> EnvFile:
    try:
        return env_file.load(text_file.path(source), site.keys.decrypt)
    except InputError as err:
        hint = err.hint
        if hint == dotenv.OTHER_FILE:
            hint = "--source names the env file whose shared keys are taken over; fix it"
        raise err.with_(state="nothing was made", hint=hint) from None
