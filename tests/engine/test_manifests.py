"""What only this stack promises of its Compose files; `inv bundle.check` looks at the rest."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from morphops import site
from morphops.core.bundle import documents
from morphops.core.bundle.schema import Bundle
from morphops.core.env import dotenv, parse, templates
from tests.paths import OPS

pytestmark = pytest.mark.engine

BASE = OPS / "compose" / "compose.yaml"
OVERRIDE = OPS / "compose" / "compose.local-code-data.yaml"
PROFILE = "local-code-data"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return site.load_bundle(OPS / "bundle.yaml")


@pytest.fixture(scope="module")
def values(bundle: Bundle) -> dict[str, str]:
    """Every variable that must be set, with a value of the right kind."""
    schema = parse.parse_env_schema((OPS / "env" / "schema.yaml").read_text(), "schema.yaml")
    given = {
        "UPSTREAM_RPC_URL": "https://rpc.example/v2/key",
        "DICT_URL": "http://code-data/mainnet_compact.dict",
        "CAS_URL": "http://code-data/cas",
        "MORPHOGEN_SERVER_A_SNAPSHOT_DIR": "/srv/a",
        "MORPHOGEN_SERVER_B_SNAPSHOT_DIR": "/srv/b",
    }
    made = templates.generate(schema, given, token_hex)
    made |= dict.fromkeys(documents.variable_names(bundle), "1")
    for name in ("server", "rpc-adapter"):
        image = bundle.images[name]
        made[image.variable] = f"{bundle.registry}/{image.repository}@sha256:{'a' * 64}"
    return made


def render(
    tmp_path: Path, values: Mapping[str, str], *files: Path, profile: bool = False
) -> subprocess.CompletedProcess[str]:
    env = tmp_path / "values.env"
    env.write_text(dotenv.render(values))
    command = ["docker", "compose", "--env-file", str(env)]
    for file in files:
        command += ["-f", str(file)]
    if profile:
        command += ["--profile", PROFILE]
    return subprocess.run(
        [*command, "config", "--format", "json"], capture_output=True, text=True, check=False
    )


def services(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


@pytest.mark.parametrize(
    ("files", "profile", "expected"),
    [
        ((BASE,), False, {"server-a", "server-b", "rpc-adapter"}),
        ((BASE,), True, {"server-a", "server-b", "rpc-adapter", "code-data"}),
        ((BASE, OVERRIDE), True, {"server-a", "server-b", "rpc-adapter", "code-data"}),
    ],
)
def test_combinations_render(
    tmp_path: Path,
    values: dict[str, str],
    files: tuple[Path, ...],
    profile: bool,
    expected: set[str],
) -> None:
    assert set(services(render(tmp_path, values, *files, profile=profile))) == expected


def test_the_override_without_its_profile_fails(tmp_path: Path, values: dict[str, str]) -> None:
    done = render(tmp_path, values, BASE, OVERRIDE)
    assert done.returncode != 0
    assert 'depends on undefined service "code-data"' in done.stderr


def test_only_the_override_gates_the_adapter(tmp_path: Path, values: dict[str, str]) -> None:
    for files, required in (((BASE,), False), ((BASE, OVERRIDE), True)):
        done = services(render(tmp_path, values, *files, profile=True))
        depends = done["rpc-adapter"]["depends_on"]["code-data"]
        assert depends == {"condition": "service_healthy", "required": required}


def test_what_this_stack_promises(tmp_path: Path, values: dict[str, str]) -> None:
    """Beyond what `inv bundle.check` asks of every stack."""
    found = services(render(tmp_path, values, BASE, OVERRIDE, profile=True))
    for name, service in found.items():
        assert service["user"] == "10001:10001", name
        assert service["stop_grace_period"], name
        assert service["healthcheck"]["start_interval"] == "500ms", name
        assert "fallback" not in " ".join(service.get("command") or ()), name
    # Only the adapter is reached from outside, and only it reaches out.
    assert [name for name, service in found.items() if service.get("ports")] == ["rpc-adapter"]
    assert {n for n, s in found.items() if "edge" in s["networks"]} == {"rpc-adapter"}


VALUES = [
    *("plain", "a b", "#no comment", "$HOME ${HOME}", "it's", 'say "x"', "back\\slash\\", "'"),
    *("\\'", "a=b&c", " x ", "", "\\n", "é€", "`id`", "100%", "\t"),
]


def test_compose_reads_values_as_they_were(tmp_path: Path) -> None:
    values = {f"V{number}": value for number, value in enumerate(VALUES)}
    file = tmp_path / "compose.yaml"
    environment = {name: f"${{{name}}}" for name in values}
    file.write_text(json.dumps({"services": {"a": {"image": "x", "environment": environment}}}))
    found = services(render(tmp_path, values, file))["a"]["environment"]
    # `config` doubles each $ so that its output can be read again.
    assert {name: value.replace("$$", "$") for name, value in found.items()} == values
    assert dotenv.parse(dotenv.render(values), "x").values == values
