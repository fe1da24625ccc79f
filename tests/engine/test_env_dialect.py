r"""What `env.check` says of an env file's line is what Compose itself does with it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from morphops import envfile

pytestmark = pytest.mark.engine

SAME = [
    "V=plain", 'V="q"', "V='q'", "export V=x", "export  V=x", 'export V="x y"', "V = x", " V=x",
    "V= x", "V=x ", "V=a #c", "V=a#c", 'V="a #c"', "V='a #c'", "V=#c", "V=a #$HOME", "V='a$HOME'",
    'V="a\\$HOME"', "V=a$", 'V="a$"', "V=a$1", "V=x\r", "\ufeffV=x", 'V="a\\nb"', "V='a\\nb'",
    "V=a\\nb", 'V=it"s', "V=it's", "V=a b", 'V="x" #c', 'V="x" #$HOME', "V='x' #c", "V=",
    "V=a\\\\b", 'V="a\\\\b"', "V=a=b", "V=`id`", 'V="a\\"b"', "V='multi\nline'", "V=é",
    "V=x\\", "V=%41", 'V="a\\!b"', "V=a;b", "V=(x)", "V='it\\'s'", "# c\r\nV=x\r", "V=a|b&c<d>",
]  # fmt: skip
# Compose makes something else of these, or nothing.
REFUSED = [
    "V=a$b", "V=a$HOME", "V=a${HOME}", 'V="a$HOME"', "V=a\\$HOME", "V=a$$b", "V=$$", "V=${X:-d}",
    'V="${X:-d}"', "V= #c", "V=a\t#c", "V='a\\\\b'", 'V="a\\0b"', 'V="x"y', "V:x", "V: x", "V",
    'V="x\r\n', 'V="x\\"', "V='x\\'", "V=a\nV=b", 'V="a\\\\$HOME"',
]  # fmt: skip


def compose(tmp_path: Path, text: str) -> str | None:
    """What Compose makes of V; None where it refuses the file or has no such variable."""
    (tmp_path / "compose.yaml").write_text(
        "services: {a: {image: x, environment: {V: '${V-unset}'}}}"
    )
    (tmp_path / "e.env").write_bytes(text.encode())
    done = subprocess.run(
        ["docker", "compose", "--env-file=e.env", "-f=compose.yaml", "config", "--format=json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": "/root"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    value = json.loads(done.stdout)["services"]["a"]["environment"]["V"]
    # `config` doubles each $ so that its output can be read again.
    return None if value == "unset" else str(value).replace("$$", "$")


@pytest.mark.parametrize("line", SAME)
def test_what_is_accepted_means_the_same_to_compose(tmp_path: Path, line: str) -> None:
    env = envfile.scan(line + "\n", "e.env")
    assert env.findings == ()
    assert compose(tmp_path, line + "\n") == env.values["V"]


@pytest.mark.parametrize("line", REFUSED)
def test_what_compose_reads_in_another_way_is_refused(tmp_path: Path, line: str) -> None:
    env = envfile.scan(line + "\n", "e.env")
    assert env.findings
    if not line.startswith("V=a\nV="):  # the second one wins for both, and is refused all the same
        assert compose(tmp_path, line + "\n") != env.values.get("V", "")
