r"""What `env.check` says of an env file's line is what Compose itself does with it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from morphops.core.env import dotenv

pytestmark = pytest.mark.engine

SAME = [
    "V=plain", 'V="q"', "V='q'", "export V=x", "export  V=x", 'export V="x y"', "V = x", " V=x",
    "V= x", "V=x ", "V=a #c", "V=a#c", 'V="a #c"', "V='a #c'", "V=#c", "V=a #$HOME", "V='a$HOME'",
    'V="a\\$HOME"', "V=a$", 'V="a$"', "V=a$1", "V=x\r", "\ufeffV=x", 'V="a\\nb"', "V='a\\nb'",
    "V=a\\nb", 'V=it"s', "V=it's", "V=a b", 'V="x" #c', 'V="x" #$HOME', "V='x' #c", "V=",
    "V=a\\\\b", 'V="a\\\\b"', "V=a=b", "V=`id`", 'V="a\\"b"', "V='multi\nline'", "V=é",
    "V=x\\", "V=%41", 'V="a\\!b"', "V=a;b", "V=(x)", "V='it\\'s'", "# c\r\nV=x\r", "V=a|b&c<d>",
    'V="a\\\'b"', 'V="a\rb"', "V='a\rb'", "V='\u2028 \xa0'", "V=x # c\xa0d", "# c\xa0d\nV=x",
]  # fmt: skip
# Compose makes something else of these.
REFUSED = [
    "V=a$b", "V=a$HOME", "V=a${HOME}", 'V="a$HOME"', "V=a\\$HOME", "V=a$$b", "V=$$", "V=${X:-d}",
    'V="${X:-d}"', "V= #c", "V=a\t#c", "V='a\\\\b'", 'V="a\\0b"', 'V="x"y', "V:x", "V: x",
    "V=a\nV=b", 'V="a\\\\$HOME"', "V=a\xa0#c", "V=\u2028x", "V=x\x0b#c", "V=\x1cb", "V=\u3000b",
    "V=a\rW=b", 'V="$\\$HOME"',
]  # fmt: skip
# Compose refuses these as well, or makes nothing of them; so each is asked for by itself.
NOTHING = [
    "V", 'V="x\r\n', 'V="x\\"', "V='x\\'", "# c\rV=x", "export\xa0V=x", "V=\n\x1c", "V=\nexport #c",
]  # fmt: skip


# What values are put together from by chance: all that some reader of env files gives a meaning.
PIECES = [
    "\\", "\\", "'", '"', "$", "{", "}", "#", " ", "\t", "a", "b", "n", "\r", "\n", "\r\n",
    "\xa0", "\x85", "\u2028", "\x0b", "\x0c", "\x1c", "=", "!", "%", "`", "0", "1", "é", ":", "\\n",
    "\\$", "$HOME", " #", "\\'", '\\"', "export ",
]  # fmt: skip


def compose(tmp_path: Path, lines: Sequence[str]) -> list[str | None] | None:
    """What Compose makes of V of each line, which is a file; None where it refuses one."""
    # It is started once, so each file has a name of its own for the variable.
    names = [f"V{number}" for number, _ in enumerate(lines)]
    texts = [re.sub(r"\bV\b", name, line) + "\n" for name, line in zip(names, lines, strict=True)]
    found = compose_all(tmp_path, texts, names)
    return [found[name] for name in names] if found else None


def compose_all(
    tmp_path: Path, texts: Sequence[str], names: Iterable[str]
) -> dict[str, str | None] | None:
    """What Compose makes of some variables of env files; None where it refuses a file."""
    environment = {name: f"${{{name}-unset}}" for name in names}
    services = {"a": {"image": "x", "environment": environment}}
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": services}))
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.env").write_bytes(text.encode())
    files = [f"--env-file={number}.env" for number, _ in enumerate(texts)]
    done = subprocess.run(
        ["docker", "compose", *files, "-f=compose.yaml", "config", "--format=json"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": "/root"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    values = json.loads(done.stdout)["services"]["a"]["environment"]
    # `config` doubles each $ so that its output can be read again.
    return {
        name: None if value == "unset" else str(value).replace("$$", "$")
        for name, value in values.items()
    }


def test_what_is_accepted_means_the_same_to_compose(tmp_path: Path) -> None:
    read = {line: dotenv.scan(line + "\n", "e.env") for line in SAME}
    assert {line: env.findings for line, env in read.items() if env.findings} == {}
    found = compose(tmp_path, SAME)
    assert found is not None
    assert dict(zip(SAME, found, strict=True)) == {line: read[line].values["V"] for line in SAME}


def test_what_compose_reads_in_another_way_is_refused(tmp_path: Path) -> None:
    found = compose(tmp_path, REFUSED)
    assert found is not None
    for line, value in zip(REFUSED, found, strict=True):
        env = dotenv.scan(line + "\n", "e.env")
        assert env.findings, line
        if line != "V=a\nV=b":  # the second one wins for both, and is refused all the same
            assert value != env.values.get("V", ""), line


@pytest.mark.parametrize("line", NOTHING)
def test_what_is_nothing_to_compose_is_refused(tmp_path: Path, line: str) -> None:
    assert dotenv.scan(line + "\n", "e.env").findings
    assert compose(tmp_path, [line]) in (None, [None])


def by_chance(seed: int) -> dict[str, tuple[str, str]]:
    """Name → assignment and value, of lines that are accepted."""
    chance = random.Random(seed)
    made: dict[str, tuple[str, str]] = {}
    while len(made) < 150:
        name = f"V{len(made)}"
        quote = chance.choice(["", "", "'", '"', '"'])
        body = "".join(chance.choices(PIECES, k=chance.randint(0, 7)))
        before, between = chance.choice(["", "", "export ", " "]), chance.choice(["=", "=", " = "])
        after = chance.choice(["", "", "", " #c", "\t"])
        text = f"{before}{name}{between}{quote}{body}{quote}{after}\n"
        env = dotenv.scan(text, "e.env")
        if not env.findings and env.values.keys() == {name}:
            made[name] = (text, env.values[name])
    return made


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_accepted_means_the_same_to_compose(tmp_path: Path, seed: int) -> None:
    made = by_chance(seed)
    text = "".join(line for line, _ in made.values())
    found = compose_all(tmp_path, [text], made)
    assert found is not None
    read = {line: found[name] for name, (line, _) in made.items()}
    assert read == dict(made.values())
