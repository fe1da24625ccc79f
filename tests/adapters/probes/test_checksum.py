"""A file is what a document says, byte for byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters import probes
from morphops.core.bundle.documents import Loaded
from morphops.core.verify.reading import Reading
from tests.samples.probes import CHECKSUM, SHA256, at


@pytest.mark.parametrize(
    ("change", "says", "details"),
    [
        (lambda path: None, "", ()),
        (
            lambda path: path.write_bytes(b"dat"),
            "{path} has 3 bytes, its manifest says 4",
            ("the file is truncated, or belongs to another manifest",),
        ),
        (
            lambda path: path.write_bytes(b"dada"),
            "{path} is not what its manifest says",
            (f"sha256 {hashlib.sha256(b'dada').hexdigest()}", f"manifest {SHA256}"),
        ),
        (lambda path: path.unlink(), "{path}: No such file or directory", ()),
    ],
)
def test_checksum(tmp_path: Path, change: Any, says: str, details: tuple[str, ...]) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"data")
    document = Loaded(tmp_path / "m.json", {"file": "data.bin", "bytes": 4, "sha256": SHA256})
    change(path)
    reading = probes.read(CHECKSUM, at({"d": document}))
    assert (reading.ready, reading.final) == (not says, bool(says))
    assert reading.details == details
    right = f"{path} is sha256:{SHA256[:12]}, as its manifest says"
    assert reading.reason == (says.format(path=path) or right)


@pytest.mark.parametrize(
    "said",
    [
        *({}, None, [], {"file": "data.bin"}),
        {"file": "data.bin", "bytes": "4", "sha256": SHA256},
        {"file": "data.bin", "bytes": 4, "sha256": None},
        {"file": 1, "bytes": 4, "sha256": SHA256},
    ],
)
def test_a_manifest_that_does_not_say_what_the_file_is(tmp_path: Path, said: Any) -> None:
    (tmp_path / "data.bin").write_bytes(b"data")
    reading = probes.read(CHECKSUM, at({"d": Loaded(tmp_path / "m.json", said)}))
    assert reading == Reading(
        False, f"{tmp_path}/m.json does not say file, size and sha256", final=True
    )
