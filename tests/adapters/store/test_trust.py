"""Files that others may change are not trusted; as root, which is who it matters most to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from morphops.adapters.age import Keys
from morphops.adapters.store.env_file import scan_file
from morphops.adapters.store.files import halves, in_use, used, write_whole
from morphops.adapters.store.trust import who_may_change
from morphops.errors import InputError

OTHER = 12345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "inner/x.env"
    path.parent.mkdir(mode=0o700)
    path.write_text("A=1\n")
    path.chmod(0o600)
    return path


def give(path: Path) -> None:
    os.chown(path, OTHER, -1)


def give_group(path: Path) -> None:
    os.chown(path, -1, OTHER)
    path.chmod(0o770)


CASES: dict[str, tuple[Callable[[Path], None], str]] = {
    "as it should be": (lambda p: None, ""),
    "anybody may write the file": (lambda p: p.chmod(0o602), "can be written by others"),
    "anybody may write its folder": (lambda p: p.parent.chmod(0o777), "can be written by others"),
    "anybody may write above": (lambda p: p.parent.parent.chmod(0o777), "can be written by others"),
    "a folder like /tmp": (lambda p: p.parent.chmod(0o1777), ""),
    "others may read": (lambda p: p.parent.chmod(0o755), ""),
}
GIVEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "the file is another's": (give, "belongs to uid 12345"),
    "its folder is another's": (lambda p: give(p.parent), "belongs to uid 12345"),
    "another group may write": (lambda p: give_group(p.parent), "can be written by others"),
}


@pytest.mark.parametrize("case", CASES)
def test_who_may_change_a_file(file: Path, case: str) -> None:
    change, says = CASES[case]
    change(file)
    assert says in who_may_change(file)
    assert bool(who_may_change(file)) == bool(says)


@as_root
@pytest.mark.parametrize("case", GIVEN)
def test_whose_a_file_is(file: Path, case: str) -> None:
    change, says = GIVEN[case]
    change(file)
    assert says in who_may_change(file)


def test_where_a_link_leads_counts(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    file.parent.chmod(0o777)
    assert "inner" in who_may_change(link)


def test_an_env_file_that_others_may_change_is_a_finding(file: Path) -> None:
    assert scan_file(file).findings == ()
    file.parent.chmod(0o777)
    (finding,) = scan_file(file).findings
    assert "another user may decide what is deployed" in str(finding)


def test_an_identity_that_others_may_change_is_refused(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "inner/identity.txt")
    keys.make()
    assert keys.own()
    (tmp_path / "inner").chmod(0o777)
    with pytest.raises(InputError, match="another user may put another identity there"):
        keys.own()


def test_what_a_living_process_is_at_is_no_leftover(file: Path) -> None:
    half = file.with_name(".x.env.abcd1234.part")
    half.write_text("A=secret\n")
    assert halves(file) == (half,)
    with used(half):
        assert in_use(half)
        assert halves(file) == ()
    assert not in_use(half)
    write_whole(file, b"A=2\n")
    assert file.read_bytes() == b"A=2\n"
