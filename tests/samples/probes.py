"""Probes, and what they may look at."""

from __future__ import annotations

import hashlib
from typing import Any

from morphops.adapters.probes import ProbeContext
from morphops.core.bundle.documents import Loaded
from morphops.core.probes.agree import Agree
from morphops.core.probes.checksum import Checksum
from morphops.core.stack import Identity, Instance
from tests.fakes import FakeTarget

SHA256 = hashlib.sha256(b"data").hexdigest()


CHECKSUM = Checksum(kind="checksum", document="d", file="file", bytes="bytes", sha256="sha256")


AGREE = Agree(
    kind="agree",
    services=("a", "b"),
    url="http://x/",
    fields={"epoch": "epoch", "rows": "rows"},
    document="d",
    matches={"rows": "rows"},
    show=("epoch",),
)


def container(**changes: Any) -> Instance:
    given = {"id": "id", "service": "api", "state": "running", "health": "healthy", **changes}
    return Instance(image=Identity("config", "x"), **given)


def at(documents: dict[str, Loaded]) -> ProbeContext:
    return ProbeContext(FakeTarget({}), "p", documents)
