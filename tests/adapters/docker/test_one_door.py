"""Docker is reached in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import morphops

pytestmark = pytest.mark.unmeasured

ROOT = Path(morphops.__file__).parent
DOOR = ROOT / "adapters" / "docker" / "client.py"
ARGV = DOOR.with_name("argv.py")


def reaches_docker(source: str) -> list[str]:
    """What of a module's source starts docker, or knows the library that does."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("python_on_whales"):
            found.append(f"from {node.module} import")
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found += [name for name in names if name.startswith("python_on_whales")]
        if isinstance(node, ast.List | ast.Tuple):
            # Before the command stand at most the words that bound it.
            words = [part.value for part in node.elts if isinstance(part, ast.Constant)]
            if "docker" in words and not {"systemctl"} & set(words):
                found.append(ast.unparse(node))
        if isinstance(node, ast.Attribute) and node.attr in ("client_config", "docker_cmd"):
            found.append(node.attr)
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from python_on_whales.utils import run", 1),
        ("import python_on_whales", 1),
        ("run(['docker', 'ps'])", 1),
        ("run([*tied('KILL'), 'docker', *words])", 1),
        ("client.client_config.docker_cmd", 2),
        ("run(('systemctl', 'enable', 'docker'))", 0),
        ("from morphops.adapters.docker.client import Docker", 0),
    ],
)
def test_what_reaches_docker_is_seen(source: str, found: int) -> None:
    assert len(reaches_docker(source)) == found


def test_only_the_door_does() -> None:
    found = {path for path in ROOT.rglob("*.py") if reaches_docker(path.read_text())}
    assert found == {DOOR, ARGV}
