"""What must not be shown: the secret values that run, ran, or are about to."""

from __future__ import annotations

from contextlib import suppress

from morphops.core.history import operations
from morphops.core.history.operations import Record
from morphops.errors import MorphopsError
from morphops.operations.env.schema import read_schema
from morphops.operations.pipeline import prepare, values
from morphops.site import Site


def learn_secrets(site: Site) -> None:
    """Let the redactor know the secrets of whatever may speak here, as far as they can be read.

    The secrets come from three places. The deployment of record, and the last one that was begun,
    which may be incomplete with its containers running. And the env file, whose values may have
    been typed elsewhere too.
    """
    with suppress(MorphopsError):
        env = site.read_env()
        site.redact.learn(read_schema(site).secrets(env.values))
    with suppress(MorphopsError):
        past = site.history.past()
        for record in (operations.deployment_of_record(past), operations.last_begun(past)):
            if record is not None:
                with suppress(MorphopsError):
                    _learn_deployment(site, record)


def _learn_deployment(site: Site, record: Record) -> None:
    bundle, schema = prepare.read_bundle(prepare.stored(site, record.release))
    kept = values.read_values(site, site.state.deployment(record.deployment))
    site.redact.learn(schema.secrets(prepare.operator_values(bundle, kept).values))
