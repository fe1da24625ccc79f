"""`inv env.edit`."""

from __future__ import annotations

from morphops.adapters.store.env_file import read_text
from morphops.adapters.store.files import write_whole
from morphops.core.env import dotenv, encryption
from morphops.core.results.env import EnvEdited
from morphops.errors import InputError
from morphops.operations.env import check, schema
from morphops.site import Site


def edit(site: Site, env_file: str = "", *, name: str = "") -> EnvEdited:
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
        schema.need_template(schema.read_schema(site), name)
    path = site.env_file(env_file)
    text, encrypted, _ = read_text(path, site.keys.decrypt)
    edited = site.editor.edit(text, path.name.removesuffix(encryption.SUFFIX), site.environ)
    changed = edited != text
    if changed:
        data = edited.encode()
        write_whole(path, site.keys.encrypt(data) if encrypted else data)
    try:
        env, found = check.examine(site, env_file, name=name)
        if found:
            raise dotenv.refusal(env.source, found)
    except InputError as err:
        raise err.with_(
            state="what you wrote is kept" if changed else "it is as it was",
            hint=f"inv env.edit --env-file={path}" + (f" --template={name}" if name else ""),
        ) from None
    return EnvEdited(
        state="changed" if changed else "as before",
        env_file=str(path),
        template=name,
        encrypted=encrypted,
        changed=changed,
    )
