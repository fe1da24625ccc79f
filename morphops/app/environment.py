"""Use cases around the env file: templates, a first file, checking, where values come from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from morphops import agefile, config, documents, envcheck, envfile, envtemplate, textfile
from morphops.app.site import Site
from morphops.envfile import EnvFile
from morphops.envschema import EnvSchema
from morphops.errors import InputError, PreconditionError

_README = "README.md"
_BEGIN, _END = "<!-- variables: inv env.template -->", "<!-- end of variables -->"


def template(site: Site) -> dict[str, Any]:
    """Write the templates and the table of variables from the env schema.

    Returns:
        `written`: the files that were not as the schema has them.

    Raises:
        ConfigError: the schema is wrong.
        PreconditionError: a file cannot be written.
    """
    written = []
    for path, text in generated(site).items():
        if not path.exists() or textfile.read(path, site.shown(path)) != text:
            try:
                path.write_text(text, encoding="utf-8")
            except OSError as err:
                raise PreconditionError(f"cannot write {path}: {err.strerror}") from None
            written.append(str(path))
    return {"state": "written" if written else "as before", "written": written}


def generated(site: Site) -> dict[Path, str]:
    """Every file that is made from the env schema, and what must stand in it.

    A README.md beside the bundle that has the marks gets the table of variables between them.
    """
    schema = read_schema(site)
    folder = (site.folder / site.bundle.env.schema).parent
    files = {
        folder / f"{name}.env.example": envtemplate.template(schema, name)
        for name in schema.templates
    }
    readme = site.folder / _README
    if readme.is_file():
        text = textfile.read(readme, site.shown(readme))
        before, begin, rest = text.partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if begin and end:
            files[readme] = f"{before}{_BEGIN}\n\n{envtemplate.table(schema)}\n{_END}{after}"
    return files


def init(site: Site, path: str = "", *, name: str = "", source: str = "") -> dict[str, Any]:
    """Make an env file, mode 0600, with fresh keys; what is there already is never overwritten.

    Args:
        site: where.
        path: the file, where it is not the default one; one that ends in `.age` is encrypted.
        name: of the template; the schema's first one where it is empty, and the whole schema where
            it has none.
        source: another env file, whose shared values (keys that must be equal) are taken over.

    Returns:
        `template`: whose part alone the file holds, empty for the whole; `made`: what was
        generated; `taken`: what is as in the other file; `left`: what a person must fill in.

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
    target = textfile.path(path) if path else site.env_file()
    schema = read_schema(site)
    name = name or next(iter(schema.templates), "")
    if name:
        need_template(schema, name)
    here = schema.of_template(name)
    taken = {}
    if source:
        taken = envtemplate.shared(schema, _source(site, source).values)
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
    values = envtemplate.generate(schema, taken)
    data = envtemplate.first_file(schema, name, values).encode()
    encrypted = target.suffix == agefile.SUFFIX
    if target.absolute().parent == site.state.root:
        site.state.ensure()
    _write_new(target, site.keys.encrypt(data) if encrypted else data)
    left = envtemplate.left_to_fill(schema, name, values)
    over = envtemplate.taken_over(schema, taken)
    return {
        "state": "made",
        "path": str(target),
        "template": name if here.keys() != schema.variables.keys() else "",
        "encrypted": encrypted,
        "made": sorted(n for n in here if n in values and n not in over),
        "taken": sorted(n for n in here if n in over),
        "left": {variable: schema.variables[variable].about for variable in left},
    }


def check(site: Site, env_file: str = "", *, name: str = "") -> dict[str, Any]:
    """Check an env file as `deploy` would.

    Args:
        site: where.
        env_file: path; empty for the default.
        name: of a template, for a file that holds that part only; empty for the whole.

    Raises:
        InputError: with every finding.
    """
    schema = read_schema(site)
    if name:
        need_template(schema, name)
        schema = schema.only(name)
    env = site.read_env(env_file)
    site.redact.learn(schema.secrets(env.values))
    envcheck.check(
        env,
        schema,
        images={spec.variable: "" for spec in site.bundle.images.values()},
        provided=documents.variables(site.bundle),
        exported=site.exported,
    )
    return {
        "state": "ok",
        "env_file": env.source,
        "encrypted": env.encrypted,
        "variables": len(env.values),
    }


def show(site: Site, env_file: str = "") -> dict[str, Any]:
    """Where the value of each variable comes from, and a keyed fingerprint of it; never a value.

    The key is the state folder's own, so that fingerprints can be compared on one machine only.
    """
    schema = read_schema(site)
    env = site.read_env(env_file)
    key = site.state.key()
    rows = []
    for name, spec in schema.variables.items():
        set_ = bool(env.values.get(name))
        source = env.at(name) if set_ else "default" if spec.default else "not set"
        value = env.values[name] if set_ else spec.default
        rows.append(
            {
                "name": name,
                "source": source,
                "secret": spec.secret,
                "fingerprint": envfile.fingerprint({"": value}, key) if value else "",
            }
        )
    unknown = sorted(env.values.keys() - schema.variables.keys())
    rows += [_decided(name, f"{env.at(name)}, and no variable of this stack") for name in unknown]
    rows += [
        _decided(image.variable, f"the release's image {name}")
        for name, image in site.bundle.images.items()
    ]
    for name, document in site.bundle.documents.items():
        rows += [_decided(variable, f"document {name}") for variable in document.provides]
    return {"env_file": env.source, "encrypted": env.encrypted, "variables": rows}


def read_schema(site: Site) -> EnvSchema:
    """The working tree's env schema.

    Raises:
        ConfigError: it is not there, or wrong.
    """
    path = site.folder / site.bundle.env.schema
    return config.parse_env_schema(textfile.read(path, site.shown(path)), site.shown(path))


def _write_new(path: Path, data: bytes) -> None:
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
        return envfile.load(textfile.path(source), site.keys.decrypt)
    except InputError as err:
        err.state = "nothing was made"
        if err.hint == envfile.OTHER_FILE:
            err.hint = "--source names the env file whose shared keys are taken over; mend it"
        raise


def need_template(schema: EnvSchema, name: str) -> None:
    """Refuse a template that the env schema does not have.

    Raises:
        InputError: it has none of this name.
    """
    if name not in schema.templates:
        known = ", ".join(schema.templates) or "none"
        raise InputError(
            f"no template {name!r} in the env schema (there are: {known})",
            state="nothing was changed",
            hint="name one of them" if schema.templates else "leave --template out",
        )


def _decided(name: str, source: str) -> dict[str, Any]:
    return {"name": name, "source": source, "secret": False, "fingerprint": ""}
