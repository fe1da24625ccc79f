"""An env file that knows more than a release: variables that came later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from morphops.core.bundle.documents import variable_names
from morphops.core.env.dotenv import EnvFile
from morphops.core.history import operations
from morphops.core.release.digest import short
from morphops.core.release.release import Release
from morphops.errors import MorphopsError
from morphops.operations.env.schema import read_schema
from morphops.operations.pipeline import prepare
from morphops.site import Site


def known_to(site: Site, release: Release, env: EnvFile) -> EnvFile:
    """Returns an env file without the variables that came after a release; the observer is told.

    Such a variable stands in the env schema of the working tree, or of the release of record. What
    stands in none is a typing error, and stays to be refused.

    Args:
        site: where.
        release: that is to be given the values.
        env: the values that a person set.
    """
    try:
        bundle, schema = prepare.read_bundle(release)
    except MorphopsError:
        return env  # what is wrong with the release is said where it is prepared
    own = {*schema.variables, *variable_names(bundle), *bundle.image_variables}
    later = {name for known in _schemas(site) for name in known} - own
    left_out = [name for name in env.values if name in later]
    if not left_out:
        return env
    site.observer.note(
        f"{env.source} is newer than release {short(release.digest)}, which does not know "
        f"{', '.join(left_out)} and is not given it"
    )
    kept = {name: value for name, value in env.values.items() if name not in later}
    return replace(env, values=kept)


def _schemas(site: Site) -> Iterator[frozenset[str]]:
    """The variables of the working tree, and those of the release of record."""
    with suppress(MorphopsError):
        yield frozenset(read_schema(site).variables)
    with suppress(MorphopsError):
        record = operations.deployment_of_record(site.history.past())
        if record is not None:
            _, schema = prepare.read_bundle(prepare.stored(site, record.release))
            yield frozenset(schema.variables)
