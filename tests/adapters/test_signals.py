"""When a signal is raised, and when it is kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from morphops.adapters.signals import Signals
from morphops.errors import Interrupted
from tests.machine import send


@pytest.fixture
def heard() -> Iterator[Signals]:
    made = Signals()
    with made.handled():
        yield made


def test_before_an_operation_one_is_raised_where_it_comes(heard: Signals) -> None:
    with pytest.raises(Interrupted) as caught:
        send(signal.SIGHUP)
    assert (caught.value.exit_code, caught.value.what) == (129, "interrupted by SIGHUP")
    send()  # what unwinds now is not cut short


def test_in_an_operation_one_is_kept_until_somebody_asks(heard: Signals) -> None:
    heard.mask()
    send()
    with heard.shield(), heard.interruptible():
        heard.check()
    with pytest.raises(Interrupted), heard.interruptible():
        raise AssertionError("it came before")
    send(signal.SIGINT)
    with pytest.raises(Interrupted, match="SIGINT"):
        heard.check()
    heard.acknowledge()
    heard.check()
    with pytest.raises(Interrupted), heard.interruptible():
        send()
    send()


def test_a_terminal_that_is_gone_is_no_news_to_who_was_started_with_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals().handled():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
