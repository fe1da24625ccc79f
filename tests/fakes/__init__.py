"""Fakes of our own seams, one module each."""

from tests.fakes.builder import FakeBuilder, FakeLocalRegistry
from tests.fakes.heads import Remembering
from tests.fakes.lock import Grip, Place, grip
from tests.fakes.observer import Recorder
from tests.fakes.step_log import StepLog
from tests.fakes.target import FakeTarget, QuietWatch

__all__ = [
    "FakeBuilder",
    "FakeLocalRegistry",
    "FakeTarget",
    "Grip",
    "Place",
    "QuietWatch",
    "Recorder",
    "Remembering",
    "StepLog",
    "grip",
]
