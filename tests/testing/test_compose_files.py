"""What the fake platform reads of Compose files."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops.core.stack import LaunchConfig, Network, Port, Service, Stack
from morphops.errors import ConfigError
from morphops.testing import FakePlatform


def rendered(folder: Path, *texts: str, env: str = "", profiles: str = "") -> dict[str, Service]:
    files = []
    for number, text in enumerate(texts):
        files.append(folder / f"{number}.yaml")
        files[-1].write_text(text)
    (folder / "x.env").write_text(env)
    stack = Stack("shop", tuple(files), folder / "x.env", tuple(profiles.split()))
    return dict(FakePlatform().workloads.render(stack))


def one(folder: Path, spec: str, env: str = "", above: str = "") -> Service:
    texts = [f"services: {{a: {text}}}" for text in (spec, above) if text]
    return rendered(folder, *texts, env=env)["a"]


@pytest.mark.parametrize(
    ("text", "env", "image"),
    [
        ("${V}", "V=x", "x"),
        ("$V-1", "V=x", "x-1"),
        ("${V}", "", ""),
        ("${V:-d}", "", "d"),
        ("${V:-d}", "V=", "d"),
        ("${V-d}", "V=", ""),
        ("${V:-d}", "V=x", "x"),
        ("${V:?why}", "V=x", "x"),
        ("${V:+t}", "V=x", "t"),
        ("${V:+t}", "", ""),
        ("$$V", "V=x", "$V"),
        ("r/${V}@${W}", "V=a\nW=b", "r/a@b"),
    ],
)
def test_variables(tmp_path: Path, text: str, env: str, image: str) -> None:
    assert one(tmp_path, f'{{image: "{text}"}}', env).image == image


@pytest.mark.parametrize(
    ("files", "env"),
    [
        (["services: {a: {image: '${V:?why}'}}"], ""),
        (["services: {a: {image: '${V:?why}'}}"], "V="),
        (["services: ["], ""),
        (["- a list"], ""),
        (["services: {a: {ports: !reset []}}"], ""),
    ],
)
def test_what_cannot_be_read_is_a_config_error(tmp_path: Path, files: list[str], env: str) -> None:
    with pytest.raises(ConfigError):
        rendered(tmp_path, *files, env=env)


def test_a_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    stack = Stack("shop", (tmp_path / "none.yaml",), tmp_path / "none.env")
    with pytest.raises(ConfigError, match="none"):
        FakePlatform().workloads.render(stack)


def with_variables(**values: str) -> LaunchConfig:
    """How a service is started that has these variables, and says nothing else."""
    settings = {f"environment.{name}": value for name, value in values.items()}
    names = frozenset(values)
    return LaunchConfig(variables=names, settings=settings, by_default=frozenset(settings))


@pytest.mark.parametrize(
    ("spec", "above", "launch"),
    [
        ("{command: [x, y]}", "", LaunchConfig(command=("x", "y"), argv=("x", "y"))),
        ("{command: x 'y z'}", "", LaunchConfig(command=("x", "y z"), argv=("x", "y z"))),
        ("{command: [x]}", "{command: [z]}", LaunchConfig(command=("z",), argv=("z",))),
        ("{entrypoint: [e]}", "", LaunchConfig(argv=("e",))),
        ("{environment: [A=1]}", "", with_variables(A="1")),
        ("{environment: {A: 1}}", "{environment: {B: 2}}", with_variables(A="1", B="2")),
        ("{cap_drop: [ALL]}", "", LaunchConfig(dropped=frozenset(["ALL"]))),
        ("{security_opt: ['no-new-privileges:true']}", "", LaunchConfig(no_new_privileges=True)),
        ("{read_only: true, user: 7}", "", LaunchConfig(read_only=True, user="7")),
        ("{volumes: ['/a/:/b:ro']}", "", LaunchConfig(mounts=frozenset([("/b", "/a", False)]))),
    ],
)
def test_how_a_service_is_started(
    tmp_path: Path, spec: str, above: str, launch: LaunchConfig
) -> None:
    assert one(tmp_path, spec, above=above).launch == launch


def test_ports_are_added_up(tmp_path: Path) -> None:
    spec = "{ports: ['127.0.0.1:1:2', '[::1]:3:4/udp']}"
    above = "{ports: [{published: 5, target: 6}]}"
    assert one(tmp_path, spec, above=above).ports == (
        Port("127.0.0.1", 1, 2),
        Port("::1", 3, 4, "udp"),
        Port("", 5, 6),
    )


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ("{}", ["shop_default"]),
        ("{networks: [back, out]}", ["shop_back", "elsewhere"]),
        ("{networks: {back: {aliases: [x]}}}", ["shop_back"]),
        ("{network_mode: none}", ["none"]),
        ("{network_mode: 'service:b'}", []),
    ],
)
def test_networks(tmp_path: Path, spec: str, names: list[str]) -> None:
    text = (
        f"services: {{a: {spec}}}\nnetworks: {{back: , out: {{name: elsewhere, external: true}}}}"
    )
    networks = rendered(tmp_path, text)["a"].networks
    assert [network.name for network in networks] == names
    assert Network("elsewhere", "out") in networks or "elsewhere" not in names


def test_profiles_and_replicas(tmp_path: Path) -> None:
    text = "services: {a: {scale: 3}, b: {profiles: [extra], deploy: {replicas: 2}}}"
    assert {n: s.replicas for n, s in rendered(tmp_path, text).items()} == {"a": 3}
    both = rendered(tmp_path, text, profiles="extra")
    assert {n: s.replicas for n, s in both.items()} == {"a": 3, "b": 2}


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("{image: x}", "{image: y}", False),
        ("{environment: {A: 1}}", "{environment: {A: 2}}", False),
        ("{scale: 1}", "{scale: 2}", True),
        ("{depends_on: [b]}", "{}", True),
        ("{labels: {l: 1}}", "{labels: {l: 2}}", False),
    ],
)
def test_what_makes_another_configuration(
    tmp_path: Path, before: str, after: str, same: bool
) -> None:
    assert (one(tmp_path, before).config == one(tmp_path, after).config) == same
