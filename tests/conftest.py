"""How the tests are run: properties are not timed, and workers share the engine tests well."""

from __future__ import annotations

import signal
from collections.abc import Generator
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings

# How long an example takes says something of the machine only. What is said of everything is tried
# with some examples each time, and with many by `nox -s tests -- --hypothesis-profile=deep`.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("untimed", UNTIMED, max_examples=25)
settings.register_profile("deep", UNTIMED, max_examples=500)
settings.load_profile("untimed")

# Under `nohup` a terminal that is gone means nothing, to whatever is started here as well.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """What takes the same lines again and again is not traced: that would double its time."""
    tracing = Coverage.current() if item.get_closest_marker("unmeasured") else None
    if tracing is None:
        return (yield)
    tracing.stop()
    try:
        return (yield)
    finally:
        tracing.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each engine test goes to the next free worker; those that share much stay together."""
    if config.getoption("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            together = (start for start in _TOGETHER if nodeid.startswith(start))
            return next(together, nodeid)

    return Scheduling(config, log)


# One story in its order, and those that share what costs more than they do.
_TOGETHER = (
    "tests/e2e/",
    "tests/contracts/",  # a registry, images, and a stack that runs
    "tests/engine/faults/test_engine_faults",  # a second engine, and so below
    "tests/engine/faults/test_image_store",
    "tests/engine/test_mutations",
)
