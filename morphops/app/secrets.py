"""What must be seen by nobody: the secret values that run, ran, or are about to."""

from __future__ import annotations

from contextlib import suppress

from morphops import journal
from morphops.app import environment, scene, values
from morphops.app.site import Site
from morphops.errors import MorphopsError
from morphops.journal import Record


def learn(site: Site) -> None:
    """Let the redactor know the secrets of whatever may speak here, as far as they can be read.

    Those are the deployment of record, the last one that was begun (it may have been cut off with
    its containers running), and the env file, whose values somebody may have typed elsewhere too.
    """
    with suppress(MorphopsError):
        env = site.read_env()
        site.redact.learn(environment.read_schema(site).secrets(env.values))
    with suppress(MorphopsError):
        records = site.history.records()
        begun = [record for record in records if record.deployment]
        for record in (journal.of_record(records), *begun[-1:]):
            if record is not None:
                with suppress(MorphopsError):
                    _learn_deployment(site, record)


def _learn_deployment(site: Site, record: Record) -> None:
    bundle, schema = scene.read_bundle(scene.stored(site, record.release))
    kept = values.read(site, site.state.deployment(record.deployment))
    site.redact.learn(schema.secrets(scene.personal(bundle, kept).values))
