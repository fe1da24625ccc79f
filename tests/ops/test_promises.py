"""What ops/README.md promises of this stack, held against its own artifacts.

`inv bundle.check` asks what every stack has to be. This is what only this one says of itself: who
reaches whom, ports, times, users, how much is asked. Each promise is seen to be broken below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import pytest
import yaml

from morphops.core.bundle import parse
from morphops.core.bundle.schema import Bundle
from morphops.core.checks import dockerfile, healthcheck
from morphops.core.env.parse import parse_env_schema
from morphops.core.probes.answers import Answers
from morphops.core.probes.checksum import Checksum
from morphops.core.probes.same import Same
from tests.paths import OPS

Texts: TypeAlias = Mapping[str, str]

README, COMPOSE, BUNDLE = "README.md", "compose/compose.yaml", "bundle.yaml"
SCHEMA, NGINX = "env/schema.yaml", "docker/code-data/nginx.conf"
DOCKERFILES = {
    "server-a": "docker/server.Dockerfile",
    "server-b": "docker/server.Dockerfile",
    "rpc-adapter": "docker/rpc-adapter.Dockerfile",
    "code-data": "docker/code-data.Dockerfile",
}
FILES = (README, COMPOSE, BUNDLE, SCHEMA, NGINX, *sorted(set(DOCKERFILES.values())))


def texts() -> dict[str, str]:
    return {name: (OPS / name).read_text(encoding="utf-8") for name in FILES}


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"ops/README.md has no section {title}"
    return " ".join(found[1].split()) if "|" not in found[1] else found[1]


def table(text: str, title: str) -> list[list[str]]:
    rows = [line for line in section(text, title).splitlines() if line.startswith("|")]
    assert len(rows) > 2, f"{title} has no table"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def names(cell: str) -> list[str]:
    return [name.strip() for name in cell.split(",")]


def broken(found: Texts) -> list[str]:
    """Every promise that the artifacts do not keep."""
    model = yaml.safe_load(found[COMPOSE])
    bundle = parse.parse_bundle(found[BUNDLE], BUNDLE)
    services: dict[str, Any] = model["services"]
    return [
        *ports_and_networks(found, model, services),
        *health(found, services),
        *users_and_mounts(found, services, bundle),
        *order_and_probes(found, services, bundle),
        *invariants(found, bundle),
    ]


def ports_and_networks(found: Texts, model: Any, services: Any) -> Iterator[str]:
    told: set[str] = set()
    inside: set[str] = set()
    for who, port, published, networks in table(found[README], "Ports and networks"):
        named = set(re.findall(r"`([^`]+)`", networks))
        inside |= set(re.findall(r"`([^`]+)` \(internal", networks))
        for name in names(who):
            told.add(name)
            service = services[name]
            if set(service["networks"]) != named:
                yield f"{name}: networks {service['networks']}"
            yield from port_inside(found, name, service, port)
            yield from published_port(found, name, service, port, published)
    if told != set(services):
        yield f"README.md speaks of the ports of {sorted(told)}"
    for name, network in model["networks"].items():
        if bool((network or {}).get("internal")) != (name in inside):
            yield f"network {name}: internal is not {name in inside}"


def port_inside(found: Texts, name: str, service: Any, port: str) -> Iterator[str]:
    """The service listens on its port, its image exposes it, and its health check asks there."""
    if listens(found, name, service) != port:
        yield f"{name}: does not listen on {port}"
    steps = dockerfile.instructions(found[DOCKERFILES[name]])
    exposed = [step.text for step in steps if step.name == "EXPOSE"]
    if exposed != [port]:
        yield f"{name}: its image exposes {exposed}"
    script = healthcheck.script(service["healthcheck"]["test"])
    asked = re.findall(r"127\.0\.0\.1(?::(\d+))?/", script)
    if [number or "80" for number in asked] != [port]:
        yield f"{name}: its health check asks {asked}"


def published_port(
    found: Texts, name: str, service: Any, port: str, published: str
) -> Iterator[str]:
    """The service publishes its port on loopback if README.md says so, and else none."""
    ports = service.get("ports") or []
    if published == "no":
        if ports:
            yield f"{name}: is published"
        return
    default = parse_env_schema(found[SCHEMA], SCHEMA).variables
    host, _, number = re.findall(r"`([^`]+)`", published)[0].partition(":")
    mapped = rf"\$\{{{host}:-127\.0\.0\.1\}}:\$\{{{number}:-\d+\}}:{port}"
    if len(ports) != 1 or not re.fullmatch(mapped, ports[0]):
        yield f"{name}: is published as {ports}"
    if default[host].default != "127.0.0.1":
        yield f"{name}: is published beyond loopback by default"


def listens(found: Texts, name: str, service: Any) -> str:
    bound = [v for k, v in (service.get("environment") or {}).items() if k.endswith("_BIND_ADDR")]
    if name == "code-data":
        bound = re.findall(r"^\s*listen (\d+);", found[NGINX], re.MULTILINE)
    return ",".join(str(address).removeprefix("0.0.0.0:") for address in bound)


def health(found: Texts, services: Any) -> Iterator[str]:
    text = section(found[README], "Health checks")
    every = re.search(r"Every (\S+) s, and every (\S+) ms while.*?; (\w+) misses", text, re.DOTALL)
    assert every, "README.md does not say how often"
    misses = ["one", "two", "three", "four"].index(every[3]) + 1
    told: set[str] = set()
    for who, _, _, start in table(found[README], "Health checks"):
        for name in names(who):
            told.add(name)
            check = services[name]["healthcheck"]
            wanted = {
                "interval": f"{every[1]}s",
                "start_interval": f"{every[2]}ms",
                "retries": misses,
                "start_period": start.replace(" ", ""),
            }
            for key, value in wanted.items():
                if check[key] != value:
                    yield f"{name}: {key} is {check[key]}, not {value}"
    if told != set(services):
        yield f"README.md speaks of the health of {sorted(told)}"


def users_and_mounts(found: Texts, services: Any, bundle: Bundle) -> Iterator[str]:
    text = section(found[README], "Volumes and their owners")
    uid = re.search(r"runs as uid (\d+) with a\s+read-only root", text)
    assert uid, "README.md does not say who it runs as"
    for name, service in services.items():
        yield from user(found, name, service, f"{uid[1]}:{uid[1]}")
        yield from writable(name, service, text[text.index("service keeps data of its own") :])
    for name, image in bundle.images.items():
        if image.user != int(uid[1]):
            yield f"image {name}: user {image.user}"
    mounted = {
        (name, re.sub(r"^\$\{(\w+).*", r"\1", mount["source"]))
        for name, service in services.items()
        for mount in service.get("volumes") or []
    }
    promised = {
        ("server-a", "MORPHOGEN_SERVER_A_SNAPSHOT_DIR"),
        ("server-b", "MORPHOGEN_SERVER_B_SNAPSHOT_DIR"),
        ("code-data", "CODE_DATA_DIR"),
    }
    if mounted != promised:
        yield f"mounted are {sorted(mounted ^ promised)}"


def user(found: Texts, name: str, service: Any, promised: str) -> Iterator[str]:
    """The service and its image run as the user that is promised."""
    if service["user"] != promised:
        yield f"{name}: runs as {service['user']}"
    steps = dockerfile.instructions(found[DOCKERFILES[name]])
    last = [step.text for step in steps if step.name == "USER"][-1:]
    if last != [promised]:
        yield f"{name}: its image runs as {last}"


def writable(name: str, service: Any, promised: str) -> Iterator[str]:
    """The service writes only where that is promised."""
    if not service["read_only"]:
        yield f"{name}: writes to its root"
    for mount in service["tmpfs"]:
        if f"`{mount.partition(':')[0]}`" not in promised:
            yield f"{name}: {mount.partition(':')[0]} is writable, and that is not said"
    for mount in service.get("volumes") or []:
        if not mount.get("read_only"):
            source = re.sub(r"^\$\{(\w+).*", r"\1", mount["source"])
            yield f"{name}: {source} is writable"


def order_and_probes(found: Texts, services: Any, bundle: Bundle) -> Iterator[str]:
    text = section(found[README], "Startup order")
    waves = re.findall(r"wave (\d+) (\S.*?)(?: \(optional\))? healthy", text)
    told = [(int(number), tuple(who.split())) for number, who in waves]
    if told != [(n, wave.services) for n, wave in enumerate(bundle.waves, 1)]:
        yield f"README.md has the waves {told}"
    at_least = re.search(r"known-answers: (\d+) or more", text)
    assert at_least, "README.md does not say how many"
    for name, probe in bundle.probes.items():
        if isinstance(probe, Answers) and probe.at_least != int(at_least[1]):
            yield f"probe {name}: at_least is {probe.at_least}"
    # "Before wave 1, each matrix is hashed against its manifest, and the manifests are compared."
    checks = [bundle.probes[name] for name in bundle.checks]
    hashed = {probe.document for probe in checks if isinstance(probe, Checksum)}
    if hashed != set(bundle.documents):
        yield f"only {sorted(hashed)} is hashed before wave 1"
    if not any(isinstance(p, Same) and set(p.documents) == set(bundle.documents) for p in checks):
        yield "the manifests are not compared before wave 1"
    for name in ("pair", "known-answers"):
        if not any(name in wave.probes for wave in bundle.waves):
            yield f"no wave asks {name}"


def invariants(found: Texts, bundle: Bundle) -> Iterator[str]:
    text = section(found[README], "Privacy invariants")
    flags = set(re.findall(r"`(--[\w-]+)`", text))
    forbidden = {flag for rule in bundle.invariants.values() for flag in rule.forbids}
    if flags - forbidden:
        yield f"{sorted(flags - forbidden)} is not forbidden"
    for name in ("no-upstream-fallback", "one-key-each"):
        if f"`{name}`" not in text or name not in bundle.invariants:
            yield f"no invariant {name}"


def test_every_promise_is_kept() -> None:
    assert broken(texts()) == []


@pytest.mark.parametrize(
    ("file", "was", "becomes", "says"),
    [
        (COMPOSE, "internal: true", "internal: false", "network pir: internal is not True"),
        (COMPOSE, "    internal: true\n", "    {}\n", "network pir: internal is not True"),
        (COMPOSE, "edge: {}", "edge: {internal: true}", "network edge: internal is not False"),
        (COMPOSE, "networks: [pir]", "networks: [pir, edge]", "server-a: networks"),
        (COMPOSE, "BIND_ADDR: 0.0.0.0:3000", "BIND_ADDR: 0.0.0.0:3001", "not listen on 3000"),
        (COMPOSE, "0.0.0.0:8545", "0.0.0.0:8546", "rpc-adapter: does not listen on 8545"),
        (COMPOSE, "1:8545/)", "1:8546/)", "rpc-adapter: its health check asks"),
        (COMPOSE, ":-8545}:8545", ":-8545}:8546", "rpc-adapter: is published as"),
        (COMPOSE, "networks: [pir]\n", "networks: [pir]\n  ports: [3000]\n", "is published"),
        (COMPOSE, "interval: 10s", "interval: 20s", "server-a: interval is 20s, not 10s"),
        (COMPOSE, "start_interval: 500ms", "start_interval: 5s", "start_interval is 5s"),
        (COMPOSE, "retries: 3", "retries: 5", "server-a: retries is 5, not 3"),
        (COMPOSE, "start_period: 30s", "start_period: 40s", "code-data: start_period is 40s"),
        (COMPOSE, "10001:10001", "10002:10002", "server-a: runs as 10002:10002"),
        (COMPOSE, "target: /snapshot\n        read_only: true", "target: /x", "is writable"),
        (COMPOSE, "read_only: true\n  cap", "read_only: false\n  cap", "writes to its root"),
        (COMPOSE, '["/tmp:', '["/data:size=1m", "/tmp:', "server-a: /data is writable"),
        (COMPOSE, "{MORPHOGEN_SERVER_B_SN", "{MORPHOGEN_SERVER_A_SN", "mounted are"),
        (BUNDLE, "at_least: 20", "at_least: 2", "probe known-answers: at_least is 2"),
        (BUNDLE, "user: 10001", "user: 10002", "image server: user 10002"),
        (
            BUNDLE,
            "equal, matrix-a, matrix-b, accounts]",
            "equal, matrix-a, accounts]",
            "only ['snapshot-a'] is",
        ),
        (BUNDLE, "[matrices-equal, ", "[", "the manifests are not compared"),
        (BUNDLE, "probes: [pair]", "probes: []", "no wave asks pair"),
        (BUNDLE, "[server-a, server-b]\n    d", "[server-b, server-a]\n    d", "has the waves"),
        (BUNDLE, "--fallback-to-upstream, ", "", "['--fallback-to-upstream'] is not forbidden"),
        (BUNDLE, "one-key-each:", "other:", "no invariant one-key-each"),
        (SCHEMA, "default: 127.0.0.1", "default: 0.0.0.0", "beyond loopback by default"),
        (NGINX, "listen 80;", "listen 8080;", "code-data: does not listen on 80"),
        ("docker/server.Dockerfile", "EXPOSE 3000", "EXPOSE 3001", "its image exposes ['3001']"),
        ("docker/code-data.Dockerfile", "USER 10001:10001", "USER 101", "image runs as ['101']"),
        (README, "| 8545 |", "| 8546 |", "rpc-adapter: does not listen on 8546"),
        (README, "| 120 s |", "| 60 s |", "server-a: start_period is 120s, not 60s"),
        (README, "three misses", "two misses", "retries is 3, not 2"),
        (README, "uid 10001", "uid 101", "server-a: runs as 10001:10001"),
        (README, "20 or more", "10 or more", "probe known-answers: at_least is 20"),
        (README, "also `/run` and", "also", "code-data: /run is writable"),
        (README, "| code-data | 80 | no | `pir` |\n", "", "speaks of the ports of"),
    ],
)
def test_each_is_seen_to_be_broken(file: str, was: str, becomes: str, says: str) -> None:
    found = texts()
    assert was in found[file]
    found[file] = found[file].replace(was, becomes, 1)
    assert any(says in line for line in broken(found)), broken(found)
