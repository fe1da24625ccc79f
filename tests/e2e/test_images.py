"""The images as they are built: who they run as, what they can write, what they hold."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.stacks import Inv

pytestmark = [pytest.mark.engine, pytest.mark.long]

IMAGES = ("server", "rpc-adapter", "code-data")
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")


@pytest.fixture(scope="module")
def refs(inv: Inv, first: dict[str, Any]) -> dict[str, str]:
    """Image name → reference, of the release that quickstart made."""
    shown = inv("release.show", f"--digest={first['release']}", "--json").json["images"]
    return {name: image["ref"] for name, image in shown.items()}


def run(ref: str, program: str, *words: str) -> subprocess.CompletedProcess[str]:
    entrypoint = [f"--entrypoint={program}"] if program else []
    command = ["docker", "run", "--rm", *HARDENED, *entrypoint, ref, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_they_keep_every_rule(inv: Inv, first: dict[str, Any], refs: dict[str, str]) -> None:
    done = inv("image.check", f"--image={first['release']}", "--json")
    assert done.code == 0, done
    assert done.json["images"] == refs
    assert inv("image.check").code == 0, "those of the last build"


@pytest.mark.parametrize("name", IMAGES)
def test_it_runs_as_nobody_special(refs: dict[str, str], name: str) -> None:
    assert run(refs[name], "id", "-u").stdout.strip() == "10001"
    assert run(refs[name], "id", "-g").stdout.strip() == "10001"


@pytest.mark.parametrize("name", IMAGES)
def test_its_root_cannot_be_written(refs: dict[str, str], name: str) -> None:
    for path in ("/x", "/usr/x", "/opt/x"):
        done = run(refs[name], "touch", path)
        assert done.returncode != 0
        assert "Read-only file system" in done.stderr or "No such file" in done.stderr


@pytest.mark.parametrize("name", ["server", "rpc-adapter"])
def test_help_works_on_a_read_only_root(refs: dict[str, str], name: str) -> None:
    done = run(refs[name], "", "--help")
    assert done.returncode == 0, done
    assert f"morphogen-{name}" in done.stdout


@pytest.mark.parametrize("name", IMAGES)
def test_what_the_build_was_lent_is_not_there_any_more(refs: dict[str, str], name: str) -> None:
    assert "ca.crt" not in run(refs[name], "ls", "/run/secrets").stdout
