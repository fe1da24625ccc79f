"""Encrypted files: what opens them, for whom they are written, and what is said where not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from morphops.adapters import age
from morphops.adapters.age import Keys
from morphops.core.env import encryption
from morphops.errors import InputError, MorphopsError, PreconditionError

TEXT = "TOKEN=sk-geheim\nü=1\n".encode()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    made = Keys(tmp_path / "mine" / "identity.txt")
    assert made.make()
    return made


def other(tmp_path: Path) -> Keys:
    made = Keys(tmp_path / "theirs.txt")
    made.make()
    return made


def test_there_and_back(keys: Keys) -> None:
    data = keys.encrypt(TEXT)
    assert encryption.is_encrypted(data)
    assert b"sk-geheim" not in data
    assert keys.decrypt(data, "x.env.age") == TEXT
    assert keys.encrypt(TEXT) != data, "each time anew"


def test_an_identity_is_made_once_and_is_nobody_elses(keys: Keys) -> None:
    assert keys.identity.stat().st_mode & 0o777 == 0o600
    assert keys.identity.parent.stat().st_mode & 0o777 == 0o700
    before = keys.identity.read_bytes()
    assert not keys.make()
    assert keys.identity.read_bytes() == before
    (own,) = keys.own()
    assert encryption.RECIPIENT.fullmatch(own)
    assert own.encode() in before, "as age-keygen writes it"


def test_several_identities_and_several_recipients(keys: Keys, tmp_path: Path) -> None:
    theirs = other(tmp_path)
    both = Keys(keys.identity, theirs.own())
    assert theirs.decrypt(both.encrypt(TEXT), "x") == TEXT
    assert keys.decrypt(both.encrypt(TEXT), "x") == TEXT
    # An identity that was retired still opens what was written for it.
    keys.identity.write_text(theirs.identity.read_text() + keys.identity.read_text())
    assert keys.decrypt(theirs.encrypt(TEXT), "x") == TEXT
    assert len(keys.own()) == 2


@pytest.mark.parametrize(
    ("data", "encrypted"),
    [
        (b"age-encryption.org/v1\n-> X25519 x", True),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", True),
        (b"\n-----BEGIN AGE ENCRYPTED FILE-----\n", True),
        (b"AGE=1\n", False),
        (b"# age-encryption.org/v1\n", False),
        (b"", False),
    ],
)
def test_what_is_encrypted(data: bytes, encrypted: bool) -> None:
    assert encryption.is_encrypted(data) is encrypted


def test_what_others_wrote_or_somebody_changed(keys: Keys, tmp_path: Path) -> None:
    data = keys.encrypt(TEXT)
    lines = data.splitlines(keepends=True)
    flipped = lines[2].swapcase()
    for broken in (
        other(tmp_path).encrypt(TEXT),
        data[: len(data) // 2],
        b"".join((*lines[:2], flipped, *lines[3:])),
        b"age-encryption.org/v1\n",
    ):
        with pytest.raises(InputError, match=r"x\.env\.age: cannot be decrypted with") as caught:
            keys.decrypt(broken, "x.env.age")
        assert "inv env.identity" in caught.value.message()


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o600, "there is no age identity at"),
        ("", 0o600, "holds no identity"),
        ("# only a comment\n", 0o600, "holds no identity"),
        ("# one\nAGE-SECRET-KEY-1GEHEIM\n", 0o600, ":2: is no X25519 identity"),
        ("# one\n", 0o640, "mode is 0640"),
        (b"\xff\xfe\x00", 0o600, ":1: is no X25519 identity"),
    ],
)
def test_an_identity_file_that_is_none(
    tmp_path: Path, content: str | bytes | None, mode: int, says: str
) -> None:
    keys = Keys(tmp_path / "identity.txt")
    if content is not None:
        keys.identity.write_bytes(content if isinstance(content, bytes) else content.encode())
        keys.identity.chmod(mode)
    with pytest.raises(InputError, match=says) as caught:
        keys.encrypt(TEXT)
    assert "GEHEIM" not in caught.value.message()


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "identity.txt")
    os.mkfifo(keys.identity, 0o600)
    with pytest.raises(InputError, match="is not a regular file"):
        keys.own()


def test_a_recipient_that_is_none(keys: Keys) -> None:
    wrong = Keys(keys.identity, ("age1" + "q" * 58,))
    with pytest.raises(InputError, match="is not an age recipient"):
        wrong.encrypt(TEXT)


def test_an_identity_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PreconditionError, match="cannot write the identity") as caught:
        Keys(tmp_path / "file" / "identity.txt").make()
    assert isinstance(caught.value, MorphopsError)
    assert "MORPHOPS_AGE_IDENTITY" in caught.value.hint


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"MORPHOPS_AGE_IDENTITY": "/keys/id"}, Path("/keys/id")),
        ({"XDG_CONFIG_HOME": "/etc/xdg"}, Path("/etc/xdg/morphops/identity.txt")),
        ({"XDG_CONFIG_HOME": "relative"}, Path.home() / ".config/morphops/identity.txt"),
        ({}, Path.home() / ".config/morphops/identity.txt"),
    ],
)
def test_where_the_identity_lies(environ: dict[str, str], path: Path) -> None:
    assert age.identity_path(environ.get("MORPHOPS_AGE_IDENTITY", ""), environ) == path


def test_a_file_in_memory_is_for_our_children_and_goes_with_us() -> None:
    code = (
        "import subprocess; from morphops.adapters.store.memfile import in_memory; "
        "path = in_memory('values.env', b'A=1'); "
        "print(path, subprocess.run(['cat', path], capture_output=True, text=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path, content = done.stdout.split()
    assert content == "A=1"
    assert not Path(path).exists()
