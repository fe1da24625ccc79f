"""A platform in memory, for tests of whole operations without a container engine.

    engine = FakeEngine()
    site = open_site(RecordingObserver(), {"MORPHOPS_BUNDLE": …, "MORPHOPS_STATE": …})
    site = dataclasses.replace(site, platform=FakePlatform(engine, redact=site.redact))
    engine.publish(image, Behaviour(answers={"http://127.0.0.1:8000/epoch": b'{"epoch": 7}'}))
    engine.faults.at("start api", EngineCallFailed("no space left"), times=1)
    deploy(site, [release.digest])

`FakeEngine` is the place: its containers, images, locks and heads. `FakePlatform` is one client of
it. A second client sees what the first one left, as a second process would.

The fake keeps the promises of `tests/contracts`, which a real platform keeps too. It reads Compose
files in a simple way: see `morphops.testing.compose_files` for what it understands.
"""

from __future__ import annotations

from morphops.testing.behaviour import Behaviour
from morphops.testing.engine import FakeContainer, FakeEngine
from morphops.testing.faults import Faults
from morphops.testing.heads import FakeHeads
from morphops.testing.images import FakeImages
from morphops.testing.lock import FakeHeld, FakeLock
from morphops.testing.observer import RecordingObserver
from morphops.testing.platform import FakePlatform
from morphops.testing.remedies import FakeRemedies
from morphops.testing.workloads import FakeWorkloads

__all__ = [
    "Behaviour",
    "FakeContainer",
    "FakeEngine",
    "FakeHeads",
    "FakeHeld",
    "FakeImages",
    "FakeLock",
    "FakePlatform",
    "FakeRemedies",
    "FakeWorkloads",
    "Faults",
    "RecordingObserver",
]
