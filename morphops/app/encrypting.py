"""Use cases around encrypted env files: this machine's identity, encrypting, editing."""

from __future__ import annotations

from typing import Any

from morphops import agefile, editor, envfile
from morphops.app import environment, values
from morphops.app.exclusive import exclusive
from morphops.app.site import Site
from morphops.errors import InputError
from morphops.state import write_whole


def identity(site: Site) -> dict[str, Any]:
    """The age identity here, by its recipient; it is made where there is none.

    Raises:
        InputError: it cannot be used.
        PreconditionError: it cannot be written.
    """
    made = site.keys.make()
    return {
        "state": "made" if made else "as before",
        "identity": str(site.keys.identity),
        "recipients": list(site.keys.own()),
    }


def encrypt(site: Site, env_file: str = "", *, wait: float = 0) -> dict[str, Any]:
    """Encrypt the env file and the values of every deployment that is kept here.

    Where they are encrypted already, they are encrypted anew, for whom the bundle names now. The
    plain file is removed once the encrypted one is written and was read back.

    Args:
        site: where.
        env_file: path; empty for the default.
        wait: seconds to wait for another operation to end.

    Returns:
        `env_file`, `recipients`, the `deployments` whose values are encrypted now, and those whose
        values were `left` because nobody here can read them.

    Raises:
        InputError: there is no identity here, no such file, or it is wrong as a file.
        LockHeld: an operation that may read them is under way.
    """
    with exclusive(site, "env.encrypt", wait=wait, aligned=False):
        path = site.env_file(env_file)
        text, encrypted, _ = envfile.read_text(path, site.keys.decrypt)
        target = path if encrypted else path.with_name(path.name + agefile.SUFFIX)
        data = site.keys.encrypt(text.encode())
        if site.keys.decrypt(data, str(target)) != text.encode():
            raise AssertionError("age did not give back what it was given")
        write_whole(target, data)
        if not encrypted:
            path.unlink()
        done, left = [], []
        for deployment in site.state.deployments():
            try:
                values.seal(site, deployment)
                done.append(deployment.id)
            except InputError as err:
                site.observer.note(f"deployment {deployment.id}: {err.what}")
                left.append(deployment.id)
    return {
        "state": "encrypted",
        "env_file": str(target),
        "removed": "" if encrypted else str(path),
        "recipients": list(dict.fromkeys((*site.keys.own(), *site.keys.recipients))),
        "deployments": done,
        "left": left,
    }


def edit(site: Site, env_file: str = "", *, name: str = "") -> dict[str, Any]:
    """Change the env file in a person's editor, and check it; an encrypted one is so at all times.

    Args:
        site: where.
        env_file: path; empty for the default.
        name: of a template, for a file that holds that part only; empty for the whole.

    Raises:
        InputError: there is no such file, editor or template; or it was saved, and has findings.
        PreconditionError: the editor ended with an error; nothing was changed.
    """
    if name:
        environment.need_template(environment.read_schema(site), name)
    path = site.env_file(env_file)
    text, encrypted, _ = envfile.read_text(path, site.keys.decrypt)
    edited = editor.edit(text, path.name.removesuffix(agefile.SUFFIX), site.environ)
    changed = edited != text
    if changed:
        data = edited.encode()
        write_whole(path, site.keys.encrypt(data) if encrypted else data)
    try:
        environment.check(site, env_file, name=name)
    except InputError as err:
        err.state = "what you wrote is kept" if changed else "it is as it was"
        err.hint = f"inv env.edit --env-file={path}" + (f" --template={name}" if name else "")
        raise
    return {
        "state": "changed" if changed else "as before",
        "env_file": str(path),
        "template": name,
        "encrypted": encrypted,
        "changed": changed,
    }
