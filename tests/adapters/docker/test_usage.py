"""What `docker stats` prints, as numbers."""

from __future__ import annotations

import pytest

from morphops.adapters.docker import usage
from morphops.core.stack import Usage


@pytest.mark.parametrize(
    ("memory", "cpu", "processes", "used"),
    [
        (
            "11.77MiB / 23.54GiB",
            "0.31%",
            "6",
            Usage(cpu=0.31, memory=12_341_740, memory_limit=25_275_882_537, processes=6),
        ),
        (
            "512B / 1GB",
            "205.5%",
            "40",
            Usage(cpu=205.5, memory=512, memory_limit=10**9, processes=40),
        ),
        ("1.5kB / 2KiB", "0.00%", "1", Usage(memory=1500, memory_limit=2048, processes=1)),
        ("--", "--", "--", Usage()),
    ],
)
def test_one_row(memory: str, cpu: str, processes: str, used: Usage) -> None:
    assert usage.read({"MemUsage": memory, "CPUPerc": cpu, "PIDs": processes}) == used
