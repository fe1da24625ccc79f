"""The pure parts of `inv bundle.check`: tables of what is understood, and of what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from morphops import site
from morphops.core.bundle import parse
from morphops.core.bundle.moments import Notify
from morphops.core.bundle.schema import Acceptance
from morphops.core.checks import (
    bundle_rules,
    compose_rules,
    compose_secrets,
    dockerfile,
    dockerfile_rules,
    interpolation,
    plain_secrets,
    sample_values,
    variable_rules,
    waivers,
)
from morphops.core.checks.healthcheck import strange_ports, weakness
from morphops.core.checks.service_rules import RULES
from morphops.core.env.parse import parse_env_schema
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.finding import Finding, of_error
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from tests.paths import STACK
from tests.samples.releases import BUNDLE

Findings: TypeAlias = list[Finding]
DIGEST = f"x@sha256:{'a' * 64}"
TEXT = """\
x-base: &base
  image: a
  list:
    - one
    - two
services:
  web:
    <<: *base
    ports: ["80"]
  job:
    <<: [*base, {user: "1"}]
    tags: !reset []
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), (0, 1)),
        (("services",), (1, 6)),
        (("services", "web"), (2, 7)),
        (("services", "web", "ports", "0"), (4, 9)),
        (("services", "web", "image"), (3, 2)),
        (("services", "web", "list", "1"), (4, 5)),
        (("services", "web", "list", "2"), (3, 3)),
        (("services", "job", "user"), (3, 11)),
        (("services", "job", "missing", "x"), (2, 10)),
        (("services", "none"), (1, 6)),
    ],
)
def test_a_line_for_every_path(path: tuple[str, ...], found: tuple[int, int]) -> None:
    assert YamlText("c.yaml", TEXT).find(path) == found


def test_a_merge_that_means_itself_has_an_end() -> None:
    text = YamlText("c.yaml", "a: &a\n  <<: *a\n  b: 1\n")
    assert text.find(("a", "c")) == (1, 1)
    assert [scalar.value for scalar in text.scalars()] == ["1"]


def test_the_keys_at_a_path() -> None:
    text = YamlText("c.yaml", TEXT)
    assert text.keys("services") == ("web", "job")
    assert text.keys("x-base", "list") == ("0", "1")
    assert text.keys("x-base", "image") == text.keys("nothing") == ()


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "? [a]\n: 1\n"])
def test_no_yaml_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^c.yaml:\d: "):
        YamlText("c.yaml", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", []),
        ("$A", [("A", "", "")]),
        ("${A}${B}", [("A", "", ""), ("B", "", "")]),
        ("$$A $${A}", []),
        ("${A:-x}", [("A", ":-", "x")]),
        ("${A-x}", [("A", "-", "x")]),
        ("${A:?why not}", [("A", ":?", "why not")]),
        ("${A?}", [("A", "?", "")]),
        ("${A:+x}", [("A", ":+", "x")]),
        ("${A:-${B:-c}}d", [("A", ":-", "${B:-c}"), ("B", ":-", "c")]),
        ("${A:-{}}", [("A", ":-", "{")]),
        ("${1}", []),
        ("100% $", []),
        ("${A", [("A", "", "")]),
    ],
)
def test_variables_of_a_text(text: str, found: list[tuple[str, str, str]]) -> None:
    assert list(interpolation.variables(text)) == found


def test_the_line_of_a_variable_in_a_long_value() -> None:
    document = YamlText("c.yaml", "a:\n  b: >-\n    one\n    ${TWO:?x}\n    three $FOUR\n")
    assert [(u.name, u.line) for u in interpolation.uses(document)] == [("TWO", 4), ("FOUR", 5)]


@pytest.mark.parametrize(
    ("check", "weak"),
    [
        (None, "missing"),
        ({"disable": True}, "missing"),
        ({"test": ["NONE"]}, "missing"),
        ({"interval": "1s"}, "missing"),
        ({"test": ["CMD", "true"]}, "toothless"),
        ({"test": ["CMD-SHELL", "exit 0"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok || true"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/; exit 0"]}, "toothless"),
        ({"test": ["CMD", "sh", "-c", "curl http://x/ || exit 0"]}, "toothless"),
        ({"test": ["CMD", "/bin/true"]}, "toothless"),
        # A worker that listens on nothing has no more than its process to show.
        ({"test": ["CMD", "pgrep", "worker"]}, ""),
        ({"test": ["CMD", "python3", "-c", "pass"]}, "toothless"),
        ({"test": ["CMD-SHELL", "[ 1 = 1 ]"]}, "toothless"),
        ({"test": ["CMD", "test", "-f", "/etc/passwd"]}, "toothless"),
        ({"test": ["CMD-SHELL", 'true || test "$(curl http://x/)" = ok']}, "toothless"),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *) exit 0;; esac; exit 1']}, "toothless"),
        ({"test": ["CMD-SHELL", "[ -f /run/ready ]"]}, ""),
        ({"test": ["CMD-SHELL", '[ "$(curl http://x/)" = ok ]']}, ""),
        ({"test": ["CMD", "curl", "-f", "http://x/"]}, "shallow"),
        ({"test": ["CMD-SHELL", "wget -q http://x/ || exit 1"]}, "shallow"),
        ({"test": ["CMD-SHELL", "echo > /dev/tcp/localhost/80"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep -q ok"]}, ""),
        ({"test": ["CMD-SHELL", 'test "$(curl http://x/)" = ok']}, ""),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *ok*) exit 0;; esac; exit 1']}, ""),
        ({"test": ["CMD", "pg_isready", "-U", "app"]}, ""),
        # More that cannot fail.
        ({"test": ["CMD-SHELL", ":"]}, "toothless"),
        ({"test": ["CMD-SHELL", "exit"]}, "toothless"),
        ({"test": ["CMD", "echo", "ok"]}, "toothless"),
        ({"test": ["CMD", "sleep", "1"]}, "toothless"),
        ({"test": ["CMD", "nginx", "--version"]}, "toothless"),
        ({"test": ["CMD", "kill", "-0", "1"]}, "toothless"),
        ({"test": ["CMD", "ls", "-l", "/"]}, "toothless"),
        ({"test": ["CMD", "ping", "-c1", "127.0.0.1"]}, "toothless"),
        ({"test": ["CMD", "ash", "-c", "true"]}, "toothless"),
        ({"test": ["CMD-SHELL", "sh -c 'true'"]}, "toothless"),
        ({"test": ["CMD-SHELL", "test -n ok"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok; true;"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok || echo bad"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok || { true; }"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok; echo done"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok | cat"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok &"]}, "toothless"),
        ({"test": ["CMD-SHELL", "if curl x | grep ok; then exit 0; fi"]}, "toothless"),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *ok*) exit 0;; esac']}, "toothless"),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *ok*) ;; a|b) true ;; esac']}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok || echo bad >&2"]}, "toothless"),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok || (echo bad)"]}, "toothless"),
        # These look like them, and can fail.
        ({"test": ["CMD-SHELL", 'test "$(curl x || echo down)" = up']}, ""),
        ({"test": ["CMD-SHELL", "test up = $(curl x || true)"]}, ""),
        ({"test": ["CMD", "env", "PGUSER=a", "pg_isready"]}, ""),
        ({"test": ["CMD-SHELL", "ps -p $(cat /run/x.pid)"]}, ""),
        ({"test": ["CMD", "ps", "aux"]}, "toothless"),
        ({"test": ["CMD", "hostname", "-f"]}, "toothless"),
        ({"test": ["CMD-SHELL", "test up = $(curl x; echo .)"]}, ""),
        ({"test": ["CMD-SHELL", "curl x | grep ok || exit 1; exit 0"]}, ""),
        ({"test": ["CMD-SHELL", "curl x | grep ok || exit 1; if true; then exit 0; fi"]}, ""),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *ok*) /app/up;; *) true;; esac']}, ""),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok && exit 0"]}, ""),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok && true || exit 1"]}, ""),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok && echo fine"]}, ""),
        ({"test": ["CMD-SHELL", "curl -f http://x/ | grep ok || (echo bad; exit 1)"]}, ""),
        ({"test": ["CMD-SHELL", "set -e; curl -f http://x/ | grep ok; exit 0"]}, ""),
        ({"test": ["CMD-SHELL", "set -o pipefail; curl -f x | grep ok | cat"]}, ""),
        ({"test": ["CMD-SHELL", "if ! curl x | grep ok; then exit 1; fi"]}, ""),
        ({"test": ["CMD-SHELL", "if curl x | grep ok; then exit 0; else exit 1; fi"]}, ""),
        ({"test": ["CMD-SHELL", "if curl x | grep ok; then exit 0; fi; exit 1"]}, ""),
        ({"test": ["CMD-SHELL", "if [ -f /up ]; then curl x | grep ok; fi"]}, ""),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *ok*) ;; *) exit 1;; esac']}, ""),
        ({"test": ["CMD-SHELL", 'case "$(curl x)" in *ok*) ;; *) false;; esac']}, ""),
        ({"test": ["CMD-SHELL", 'test "$(curl x | head -1)" = ok']}, ""),
        ({"test": ["CMD-SHELL", "curl -f x 2>&1 | grep -q ok"]}, ""),
        ({"test": ["CMD", "ls", "/run/ready"]}, ""),
        ({"test": ["CMD", "redis-cli", "ping"]}, ""),
        # Whether anything answers, an error page included.
        ({"test": ["CMD", "curl", "-s", "http://x/"]}, "shallow"),
        ({"test": ["CMD", "curl", "-f", "http://x/test"]}, "shallow"),
        ({"test": ["CMD", "wget", "--spider", "http://[::1]:80/"]}, "shallow"),
        ({"test": ["CMD-SHELL", 'test -n "$(curl -s http://x/)"']}, "shallow"),
        ({"test": ["CMD-SHELL", "curl -s http://x/ | grep -q ."]}, "shallow"),
        ({"test": ["CMD-SHELL", "curl -s http://x/ | grep -q '.ok'"]}, ""),
        ({"test": ["CMD-SHELL", "curl -s http://x/ | LC_ALL=C /bin/grep ok"]}, ""),
        ({"test": ["CMD-SHELL", "curl -s http://x/ | python3 -c 'import json'"]}, ""),
        ({"test": ["CMD-SHELL", "curl -s http://x/ | egrep 'ok|fine'"]}, ""),
        ({"test": ["CMD", "/app/ready"]}, ""),
    ],
)
def test_what_a_health_check_proves(check: dict[str, Any] | None, weak: str) -> None:
    assert weakness(check) == weak


GOOD: dict[str, Any] = {
    "image": DIGEST,
    "user": "10001",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "restart": "on-failure:3",
    "mem_limit": "1000",
    "pids_limit": 5,
    "logging": {"driver": "local"},
    "init": True,
    "healthcheck": {"test": ["CMD", "/ready"]},
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"security_opt": ["no-new-privileges=true", "apparmor=docker-default"]},
        {"mem_limit": None, "deploy": {"resources": {"limits": {"memory": "1000"}}}},
        {"pids_limit": None, "deploy": {"resources": {"limits": {"pids": 5}}}},
        {"ports": [{"target": 80, "published": "80", "host_ip": "127.0.0.1"}]},
        {"ports": [{"target": 80, "published": "80", "host_ip": "::1"}]},
        {"logging": {"driver": "journald"}},
        {"volumes": [{"type": "volume", "source": "v", "target": "/v"}]},
        {"volumes": [{"type": "bind", "source": "/x", "read_only": True, "bind": {}}]},
        {"depends_on": {"b": {"condition": "service_healthy"}}},
    ],
)
def test_a_service_that_breaks_nothing(change: dict[str, Any]) -> None:
    assert [rule.name for rule in RULES for _ in rule.broken(GOOD | change)] == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"user": "app"}, "user"),
        ({"user": "0"}, "user"),
        ({"user": "10001:0"}, "user"),
        ({"image": "x:latest"}, "digest"),
        ({"security_opt": []}, "new-privileges"),
        ({"security_opt": ["no-new-privileges:true", "seccomp:unconfined"]}, "new-privileges"),
        ({"devices": ["/dev/mem"]}, "devices"),
        ({"network_mode": "host"}, "host"),
        ({"logging": {"driver": "none"}}, "logs"),
        ({"logging": {}}, "logs"),
        ({"ports": [{"target": 80, "published": "80"}]}, "loopback"),
        ({"volumes": [{"type": "bind", "source": "/x", "read_only": True}]}, "host-path"),
        ({"mem_limit": "0"}, "memory"),
        ({"depends_on": {"b": {"condition": "service_started"}}}, "order"),
        ({"depends_on": {"b": {"condition": "service_completed_successfully"}}}, "one-shot"),
        (
            {
                "expose": ["80"],
                "healthcheck": {"test": ["CMD-SHELL", "curl http://localhost:81/ | grep ok"]},
            },
            "health-port",
        ),
    ],
)
def test_a_service_that_breaks_one_rule(change: dict[str, Any], rule: str) -> None:
    assert [r.name for r in RULES for _ in r.broken(GOOD | change)] == [rule]


@pytest.mark.parametrize(
    ("said", "test", "strange"),
    [
        ({"ports": [{"target": 80}]}, "curl http://127.0.0.1:81/ | grep ok", (81,)),
        ({"ports": [{"target": 80, "protocol": "tcp"}]}, "nc -z localhost 80", ()),
        ({"expose": ["3000"]}, "curl http://localhost:3001/ | grep ok", (3001,)),
        ({"expose": ["3000/tcp"]}, "curl http://[::1]:3001/ | grep ok", (3001,)),
        ({"expose": ["3000"]}, "echo > /dev/tcp/127.0.0.1/3001", (3001,)),
        ({"expose": ["3000-3010"]}, "curl http://localhost:3005/ | grep ok", ()),
        # Both are asked, and each may be the wrong one.
        ({"expose": ["1", "2"]}, "curl http://localhost:1/ http://localhost:3/ | grep ok", (3,)),
        # Nothing says where it listens; UDP says nothing of TCP.
        ({}, "curl http://127.0.0.1:81/ | grep ok", ()),
        ({"ports": [{"target": 53, "protocol": "udp"}]}, "curl http://127.0.0.1:81/", ()),
        ({"expose": ["53/udp"]}, "curl http://127.0.0.1:81/", ()),
        # Not its own container, or not by number, or not by a port.
        ({"expose": ["80"]}, "curl http://other:81/ http://127.0.0.1/ | grep ok", ()),
        ({"expose": ["80"]}, "curl http://127.0.0.1:$$PORT/ | grep ok", ()),
        ({"expose": ["80"]}, "curl http://my.localhost:81/ | grep ok", ()),
        ({"expose": ["80"], "network_mode": "service:a"}, "curl http://localhost:81/", ()),
        # The service is told to listen there.
        ({"expose": ["80"], "environment": {"ADMIN": ":81"}}, "curl http://localhost:81/", ()),
        ({"expose": ["80"], "command": ["--admin=81"]}, "curl http://localhost:81/", ()),
        ({"expose": ["80"], "command": ["--rows=810"]}, "curl http://localhost:81/", (81,)),
    ],
)
def test_ports_that_a_health_check_asks_for_nothing(
    said: dict[str, Any], test: str, strange: tuple[int, ...]
) -> None:
    assert strange_ports(said | {"healthcheck": {"test": ["CMD-SHELL", test]}}) == strange
    assert strange_ports(said) == ()


@pytest.mark.parametrize(
    ("source", "read_only", "found"),
    [
        ({"content": "x"}, True, 1),
        ({"content": ""}, True, 1),
        ({"environment": "TOKEN"}, True, 1),
        ({"file": "/srv/x"}, True, 0),
        ({"content": "x"}, False, 0),
    ],
)
@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_what_compose_copies_cannot_be_given_to_what_is_read_only(
    kind: str, source: dict[str, str], read_only: bool, found: int
) -> None:
    """Compose creates the container, and the engine refuses the copy (moby, ContainerArchive)."""
    model = {
        "services": {"a": {"read_only": read_only, kind: [{"source": "x"}]}},
        kind: {"x": source},
    }
    text = YamlText("compose.yaml", f"services:\n  a:\n    read_only: true\n    {kind}: [x]\n")
    rendered = compose_rules.Rendered(
        model=model, sentinels={}, sources=[text], folder="/stack", project="p"
    )
    told = [f for f in compose_rules.check(rendered) if "copies" in f.what]
    assert [(f.line, kind.removesuffix("s") in f.what) for f in told] == [(4, True)] * found


def test_a_variable_that_becomes_the_content_of_a_secret_is_used() -> None:
    compose = YamlText(
        "compose.yaml",
        "secrets: {s: {environment: TOKEN}, f: {file: /x}}\nconfigs: {c: {environment: APP}}\n",
    )
    assert set(interpolation.given(compose)) == {"TOKEN", "APP"}
    text = "schema: 1\nvariables:\n  TOKEN: {about: A secret.}\n  IDLE: {about: For nothing.}\n"
    schema = parse_env_schema(text, "schema.yaml")
    given = set(interpolation.given(compose))
    found = variable_rules.check((), BUNDLE, schema, YamlText("schema.yaml", text), given)
    assert [f.what for f in found] == ["IDLE is used by no compose file and by no document's path"]


def test_the_file_that_decides_is_named() -> None:
    base = YamlText("base.yaml", "services:\n  a:\n    image: x\n    ports: [1]\n")
    over = YamlText("over.yaml", "services:\n  a:\n    image: y\n")
    assert compose_rules.place([base, over], ("services", "a", "image")) == ("over.yaml", 3)
    assert compose_rules.place([base, over], ("services", "a", "ports")) == ("base.yaml", 4)
    assert compose_rules.place([base, over], ("services", "a", "user")) == ("base.yaml", 2)


def secrets_of(model: Mapping[str, Any], sentinels: Mapping[str, str], text: YamlText) -> Findings:
    """What the rules for secrets find in the services of a model."""
    rendered = compose_rules.Rendered(
        model=model, sentinels=sentinels, sources=[text], folder="/stack", project=""
    )
    named = {rule.remedy for rule in compose_secrets.RULES}
    return [finding for finding in compose_rules.check(rendered) if finding.remedy in named]


def test_a_secret_is_found_wherever_it_stands() -> None:
    model: dict[str, Any] = {
        "services": {
            "a": {
                "environment": {"KEY": "made-up-key"},
                "labels": {"made-up-key": "x"},
                "command": ["--key=https://made-up-key.invalid/"],
            }
        }
    }
    text = YamlText("c.yaml", "services:\n  a:\n    command: x\n    labels: y\n")
    model["services"]["b"] = {
        "entrypoint": ["sh", "-c", "x --key made-up-key"],
        "healthcheck": {"test": ["CMD-SHELL", "curl -H 'Key: made-up-key' x"]},
    }
    found = secrets_of(model, {"KEY": "made-up-key"}, text)
    assert sorted(f.what.split(",")[0] for f in found if f.subjects == ("b",)) == [
        "the secret KEY stands in entrypoint",
        "the secret KEY stands in healthcheck",
    ]
    found = [finding for finding in found if finding.subjects == ("a",)]
    assert sorted((finding.line, finding.subjects) for finding in found) == [
        (3, ("a",)),
        (4, ("a",)),
    ]
    assert all("made-up" not in str(finding) for finding in found)


@pytest.mark.parametrize(
    ("service", "lines"),
    [
        ({"command": ["--upstream=https://user:pass@rpc.example/v2"]}, [3]),
        ({"command": ["--upstream=https://rpc.example/v2", "a:b@c"]}, []),
        ({"environment": {"API_TOKEN": "sk-1"}}, [5]),
        ({"environment": {"API_TOKEN": "made-up-key"}}, []),
        ({"environment": {"API_TOKEN": "", "TOKEN_FILE": "/run/x", "TOKENS": "3"}}, []),
        ({"environment": {"PROXY": "http://me:pw@proxy"}}, [6]),
        ({"labels": {"x": "http://me:pw@proxy"}}, [2]),
        ({"command": ["--api-key=pw@1"]}, [3]),
        ({"command": ["serve", "--token", "pw@1"]}, [3]),
        ({"command": ["sh", "-c", "serve --token pw@1 --verbose"]}, [3]),
        ({"entrypoint": ["serve", "--client-secret=pw@1"]}, [2]),
        ({"healthcheck": {"test": ["CMD-SHELL", "curl -H 'X-Api-Key: pw@1' x"]}}, [2]),
        ({"command": ["-H", "Authorization: Bearer pw@1"]}, [3]),
        ({"labels": {"example.api-key": "pw@1"}}, [2]),
        ({"environment": {"PROXY": "-Xmx1g -Dhttp.password=pw@1"}}, [6]),
        ({"environment": {"PROXY": "Authorization: Bearer pw@1"}}, [6]),
        ({"environment": {"PROXY": "-Dhttp.password=made-up-key -Dtokens=3"}}, []),
        ({"command": ["--require-auth=true", "--token-ttl=30", "--token-file=/run/x"]}, []),
        ({"command": ["--token=made-up-key", "-H", "Authorization: Bearer made-up-key"]}, []),
        ({"command": ["sh", "-c", "serve --token $$TOKEN"]}, []),
        ({"labels": {"example.token": "true", "com.docker.tokens": "x"}}, []),
    ],
)
def test_secrets_that_were_written_into_a_compose_file(
    service: dict[str, Any], lines: list[int]
) -> None:
    text = YamlText(
        "c.yaml",
        "services:\n  a:\n    command: x\n    environment:\n      API_TOKEN: y\n      PROXY: z\n",
    )
    every = secrets_of({"services": {"a": service}}, {"KEY": "made-up-key"}, text)
    found = [finding for finding in every if finding.rule == "literal-secret"]
    assert [finding.line for finding in found] == lines
    assert all("pass@" not in str(finding) and "pw@" not in str(finding) for finding in found)


def test_a_dockerfile_is_read_as_docker_reads_it() -> None:
    text = (
        "# syntax=x\n\n# about\nFROM a AS b\nRUN one \\\n  # between\n  && two\n\n"
        "COPY --from=b <<EOF /x\nUSER no\nEOF\nuser 1\n"
    )
    found = [(step.name, step.text, step.line) for step in dockerfile.instructions(text)]
    assert found == [
        ("FROM", "a AS b", 4),
        ("RUN", "one && two", 5),
        ("COPY", "--from=b <<EOF /x\nUSER no", 9),
        ("USER", "1", 12),
    ]
    assert list(dockerfile.directives(text)) == [("syntax", "x", 1)]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (f"FROM {DIGEST}\nUSER 1:1\n", []),
        (f"FROM {DIGEST} AS a\nFROM a\nCOPY --from=a /x /x\nUSER 1\n", []),
        (f"FROM scratch\nCOPY --from={DIGEST} /x /x\nUSER 1\n", []),
        ("FROM x:1\nUSER 1\n", ["digest"]),
        ("ARG B\nFROM $B\nUSER 1\n", ["digest"]),
        (f"FROM {DIGEST} AS a\nUSER 1\nFROM a\n", ["user"]),
        (f"FROM {DIGEST}\nARG GITHUB_TOKEN\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nENV A=1 DB_PASSWORD=x\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nENV OWN=1\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nENV TOKENIZERS=1\nUSER 1\n", []),
        (f"FROM {DIGEST}\nCOPY id_ed25519 /root/\nUSER 1\n", ["secret"]),
        (f"FROM {DIGEST}\nRUN pip install x\nUSER 1\n", ["pip"]),
        (f"FROM {DIGEST}\nRUN pip install --require-hashes -r r.txt\nUSER 1\n", []),
        (f"FROM {DIGEST}\nRUN wget -O- x | sudo bash\nUSER 1\n", ["download"]),
        (f"FROM {DIGEST}\nADD --checksum=sha256:x https://x/y /y\nUSER 1\n", []),
        (f"FROM {DIGEST}\nUSER 1\nCMD run\n", ["exec-form"]),
        ("", ["user"]),
        # FROM by ARG is what its default says.
        (f"ARG B={DIGEST}\nFROM $B\nUSER 1\n", []),
        (f"ARG N=x\nARG B=${{N}}@sha256:{'a' * 64}\nFROM ${{B}}\nUSER 1\n", []),
        (f"FROM ${{B:-{DIGEST}}}\nUSER 1\n", []),
        ("ARG B=x:1\nFROM ${B}\nUSER 1\n", ["digest"]),
        ("ARG B=x:1\nFROM ${B:-y}\nUSER 1\n", ["digest"]),
        (f"FROM {DIGEST} AS One\nFROM one\nUSER 1\n", []),
        # Mounts of other images.
        (f"FROM {DIGEST}\nRUN --mount=type=bind,from=x:1,target=/x a\nUSER 1\n", ["digest"]),
        (f"FROM {DIGEST}\nRUN --mount=type=bind,from={DIGEST},target=/x a\nUSER 1\n", []),
        (f"FROM {DIGEST} AS a\nFROM a\nRUN --mount=from=a,target=/x b\nUSER 1\n", []),
        (f"FROM {DIGEST} AS a\nFROM a\nRUN --mount=from=0,target=/x b\nUSER 1\n", []),
        (f"FROM {DIGEST}\nRUN --mount=type=cache,target=/x b --mount=from=x\nUSER 1\n", []),
        (f"ARG T=x:1\nFROM {DIGEST}\nARG T\nCOPY --from=$T /a /b\nUSER 1\n", ["digest"]),
        # The group of root writes what root's group may.
        (f"FROM {DIGEST}\nUSER 10001:0\n", ["user"]),
        (f"FROM {DIGEST}\nARG UID=10001\nUSER $UID:$UID\n", []),
        (f"FROM {DIGEST}\nARG UID=0\nUSER $UID\n", ["user"]),
        # What the network says.
        *(
            (f"FROM {DIGEST}\nRUN {command}\nUSER 1\n", ["download"])
            for command in (
                'sh -c "$(curl -fsSL https://x/y)"',
                "sh -c `wget -qO- https://x/y`",
                "bash <(curl -s https://x/y)",
                "bash -s < <(curl -s https://x/y)",
                "set -e; . <(curl -s https://x/y)",
                'eval "$(curl -s https://x/y)"',
                "wget -O- https://x/y | python3",
                "wget -O- https://x/y | python3 - --yes",
                "curl https://x/y | sudo -E bash -",
                "curl https://x/y | env A=1 /bin/sh -s",
                "curl https://x/y.gz | gunzip | sh",
                "curl https://x/y 2>&1 | sh",
                "curl 'https://x/y?a=1&b=2' | sh",
                'bash -c "curl https://x/y | sh"',
            )
        ),
        (f'FROM {DIGEST}\nRUN ["sh", "-c", "curl x | sh"]\nUSER 1\n', ["download"]),
        *(
            (f"FROM {DIGEST}\nRUN {command}\nUSER 1\n", [])
            for command in (
                "curl -fsS https://x/y | python3 -m json.tool",
                "curl -fsS https://x/y | python3 -c 'import sys'",
                "curl -fsS https://x/y | tee install.sh",
                "curl -fsS https://x/y | tar xz -C /opt",
                "curl -fsS https://x/y | ssh host",
                "curl -fsSo y https://x/y && sha256sum -c y.sum && sh y",
                'VERSION="$(curl -fsS https://x/y)" sh build.sh',
                'prog --node "$(curl -fsS https://x/y)"',
            )
        ),
        # Git and SSH.
        (f"FROM {DIGEST}\nADD git@forge.example:x/y.git /y\nUSER 1\n", ["download"]),
        (f"FROM {DIGEST}\nADD ssh://forge.example/x /y\nUSER 1\n", ["download"]),
        (f"FROM {DIGEST}\nADD https://x/y.git#{'a' * 40} /y\nUSER 1\n", []),
        (f'FROM {DIGEST}\nADD ["https://x/y", "/y"]\nUSER 1\n', ["download"]),
        (f"FROM {DIGEST}\nCOPY <<EOF /y\nhttps://x/y id_rsa .env\nEOF\nUSER 1\n", []),
        # Files that hold secrets.
        *(
            (f"FROM {DIGEST}\nCOPY {words}\nUSER 1\n", ["secret"])
            for words in (
                '["id_rsa", "/x"]',
                '--chown=1:1 ["a b", "id_rsa", "/x/"]',
                ".npmrc /root/",
                ".pypirc /root/",
                "home/.docker/config.json /root/.docker/",
                "credentials.json /app/",
                "gcp-credentials.json /app/",
                ".env.production /app/.env",
                "tls/server.key tls/",
                "ca-key.pem tls/",
                "certs/private.pem tls/",
            )
        ),
        *(
            (f"FROM {DIGEST}\nCOPY {words}\nUSER 1\n", [])
            for words in (
                '["id_rsa.pub", "/x"]',
                "id_generator /app/",
                "config.json /app/",
                ".env.example /app/",
                "ca.pem /etc/ssl/",
                "certs/fullchain.pem /etc/ssl/",
                "public-key.pem /app/",
                "src/credentials.py /app/",
                "--from=0 /x/server.key /x/",
            )
        ),
        # Secrets as they are.
        *(
            (f"FROM {DIGEST}\n{step}\nUSER 1\n", ["secret"])
            for step in (
                "RUN export TOKEN=abc123 && make",
                "RUN NPM_TOKEN='abc123' npm ci",
                "RUN true; export A=1 OWN=abc",
                "RUN <<EOF\nexport API_KEY=abc123\nEOF",
                "RUN login --token abc123 && make",
                "RUN curl -H 'Authorization: Bearer abc123' https://x/y -o y",
                'ENTRYPOINT ["serve", "--api-key=abc123"]',
                'CMD ["--client-secret", "abc123"]',
                'LABEL example.api-key="abc123"',
                "LABEL a=b password=abc123",
            )
        ),
        *(
            (f"FROM {DIGEST}\n{step}\nUSER 1\n", [])
            for step in (
                "RUN --mount=type=secret,id=t,env=TOKEN make",
                "RUN --mount=type=secret,id=t export TOKEN=$(cat /run/secrets/t) && make",
                'RUN TOKEN="$(cat /run/secrets/t)" make',
                "RUN TOKEN= make",
                "RUN GOOGLE_CREDENTIALS=/run/secrets/g make",
                "RUN TOKEN_TTL=30 USE_TOKEN=yes make",
                "RUN adduser --disabled-password --gecos '' app",
                "RUN login --token && make",
                "RUN usermod --password '!' root",
                "RUN make --token=$TOKEN",
                'ENTRYPOINT ["serve", "--password-file=/run/secrets/x", "--require-auth=true"]',
                'LABEL example.token="true" example.tokens="3"',
            )
        ),
    ],
)
def test_rules_of_dockerfiles(text: str, rules: list[str]) -> None:
    found = list(dockerfile_rules.check("x/Dockerfile", text, secrets={"OWN"}))
    assert [finding.rule for finding in found] == rules
    assert set(rules) <= dockerfile_rules.NAMES


def test_a_dockerfile_as_its_build_is_told() -> None:
    def rules(text: str, **told: Any) -> list[str]:
        return [finding.rule for finding in dockerfile_rules.check("x/Dockerfile", text, **told)]

    text = "ARG B=x:1\nFROM $B AS a\nUSER 1\nFROM a AS b\n"
    assert rules(text) == ["digest", "user"]
    assert rules(text, args={"B": DIGEST}) == ["user"]
    assert rules(text, args={"B": DIGEST}, target="A") == []
    named = "FROM base\nCOPY --from=Data / /\nUSER 1\n"
    assert rules(named) == ["digest", "digest"]
    assert rules(named, contexts={"base", "Data"}) == []
    assert rules(f"FROM {DIGEST}\nARG U\nUSER $U\n", args={"U": "5"}) == []


def test_a_finding_repeats_no_secret() -> None:
    text = (
        f"FROM {DIGEST}\nADD https://me:hunter2@x/y?token=hunter2 /y\n"
        "RUN export TOKEN=hunter2; x --token hunter2 -H 'X-Api-Key: hunter2'\n"
        "LABEL token=hunter2\nUSER 1\n"
    )
    found = [str(finding) for finding in dockerfile_rules.check("x/Dockerfile", text)]
    assert len(found) == 6
    assert not [line for line in found if "hunter2" in line]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--api-key=abc"], ["--api-key"]),
        (["--token", "abc", "--apiKey=abc"], ["--token", "--apiKey"]),
        (["-Dspring.datasource.password=abc"], ["--spring.datasource.password"]),
        (["--oauth2-bearer", "abc"], ["--oauth2-bearer"]),
        (["--require-auth=true", "--token-ttl=30", "--password-file=/run/secrets/x"], []),
        (["--require-token", "serve", "--token", "--verbose", "--token"], []),
        (["--token=$TOKEN", "--token", "${TOKEN}", "--token=<token>", "--token=@file"], []),
        (["--token=", "--token=true", "--token=4096", "--token=30s", "--max-tokens=abc"], []),
        (["--token=/run/secrets/x", "--private-key=tls/a.pem", "--secret", "id=a,src=b"], []),
        (["--token=vault:kv/x", "--token=env:TOKEN", "--password=-", "--token=***"], []),
        (["--token", "&&", "make"], []),
    ],
)
def test_flags_that_hand_over_a_secret(words: list[str], found: list[str]) -> None:
    assert [name for name, _ in plain_secrets.flags(words)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("-H 'Authorization: Bearer abc'", ["Authorization"]),
        ('{"authorization": x} authorization: basic YTpi', ["authorization"]),
        ("X-Api-Key: abc", ["X-Api-Key"]),
        ("X-Shop-Token:abc", ["X-Shop-Token"]),
        ("Authorization: Bearer $TOKEN, Authorization: Bearer <token>", []),
        ("authorization: enabled --authorization=rbac X-Cache-Key: abc", []),
    ],
)
def test_headers_that_hand_over_a_secret(text: str, found: list[str]) -> None:
    assert [name for name, _ in plain_secrets.headers(text)] == found


@pytest.mark.parametrize(
    ("name", "secret", "takes", "mentions"),
    [
        # The words that one of four lists knew and the others did not.
        *((name, True, True, True) for name in ("GITHUB_PAT", "pat", "BEARER", "oauth2-bearer")),
        *((name, True, True, True) for name in ("ACCESS_KEY", "accessKey", "x.api-key", "_TOKEN")),
        *((name, True, True, True) for name in ("A__TOKEN", "PRIVATE_KEY", "aws.credentials")),
        *((name, True, True, True) for name in ("dbPasswd", "APIKEY", "CREDENTIAL")),
        # A switch is no value, but a variable of this name may still be one.
        *((name, True, False, True) for name in ("USE_TOKEN", "require-token", "no_password")),
        # The word is not the last one.
        *((name, False, False, True) for name in ("TOKENS", "token_ttl", "SECRET_FILE", "private")),
        *((name, False, False, False) for name in ("COMPAT", "path", "KEY", "pattern", "API", "")),
    ],
)
def test_names_of_secrets(name: str, secret: bool, takes: bool, mentions: bool) -> None:
    assert plain_secrets.secret_name(name) is secret
    assert plain_secrets.takes_secret(name) is takes
    assert plain_secrets.mentions_secret(name) is mentions


def test_words_of_a_command_line_whose_quotes_are_open() -> None:
    assert plain_secrets.words("a 'b; c") == ["a", "'b;", "c"]
    assert plain_secrets.words("a 'b c'&&d # e") == ["a", "b c", "&&", "d", "#", "e"]


def test_what_is_accepted_is_not_found_and_has_to_be_there() -> None:
    text = YamlText("b.yaml", "accept:\n  - {rule: user}\n  - {rule: usre}\n  - {rule: logs}\n")
    accepted = [Acceptance(rule=rule, subject="a", reason="x") for rule in ("user", "usre", "logs")]
    findings = [Finding("c", 1, "x", "y", "user", (name,)) for name in ("a", "b")]
    found = [str(finding) for finding in waivers.apply(findings, accepted, text)]
    assert found == [
        "c:1: x; y [user]",
        "b.yaml:3: accept: no rule 'usre'; did you mean user?",
        "b.yaml:4: accept: a does not break logs; remove the entry",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("b.yaml:3: chekcs: unknown key; did you mean checks?", "did you mean checks?"),
        ("b.yaml: is not there", "write it"),
        ("b.yaml:3: found a tab; or two; leave it out", "leave it out"),
    ],
)
def test_an_error_that_says_how_to_mend_it_is_not_told_to_mend_it(text: str, says: str) -> None:
    (finding,) = of_error(ConfigError(text), "write it")
    assert finding.remedy == says
    assert str(finding) == (text if "; " in text else f"{text}; write it")


def test_a_webhook_whose_variable_nobody_declares() -> None:
    text = YamlText("b.yaml", "schema: 1\nnotify:\n  url_from: HOOK_ULR\n")
    bundle = site.load_bundle(STACK / "bundle.yaml")
    bundle = replace(bundle, notify=Notify(url_from="HOOK_ULR"))
    schema = EnvSchema(schema=1, variables={"HOOK_URL": Variable(about="x", secret=True)})
    (finding,) = waivers.grouped(variable_rules.notified(bundle, schema, text))
    assert str(finding) == (
        "b.yaml:3: HOOK_ULR: is in no env schema, so only the environment of a deploy can have it; "
        "did you mean HOOK_URL? If not, add it there with secret: true, or accept that it comes "
        "from elsewhere [notify-url]"
    )
    declared = replace(bundle, notify=Notify(url_from="HOOK_URL"))
    assert not list(variable_rules.notified(declared, schema, text))
    assert not list(variable_rules.notified(replace(bundle, notify=None), schema, text))
    meant = Acceptance(rule="notify-url", subject="HOOK_ULR", reason="x")
    assert not list(waivers.apply([finding], [meant], text))


def test_one_finding_for_what_services_share() -> None:
    findings = [Finding("c", 1, "is root", "y", "user", (name,)) for name in ("a", "b", "a")]
    assert [str(f) for f in waivers.grouped(findings)] == ["c:1: a, b: is root; y [user]"]


def test_made_up_values_have_the_right_form() -> None:
    schema = EnvSchema(
        schema=1,
        variables={
            "URL": Variable(about="", required=True, secret=True, pattern="https?://.+"),
            "FOLDER": Variable(about="", required=True, pattern="/.+"),
            "COUNT": Variable(about="", required=True, pattern="[0-9]+"),
            "LEVEL": Variable(about="", default="warn"),
        },
    )
    bundle = site.load_bundle(STACK / "bundle.yaml")
    made = sample_values.values(bundle, schema, [interpolation.Use("PAIR_IMAGE", ":?", "", "c", 1)])
    assert made.values == {
        "DATA_EPOCH": "1",
        "URL": "https://made-up-url.invalid/",
        "FOLDER": "/1",
        "COUNT": "1",
        "PAIR_IMAGE": f"registry.invalid/morphops-test/pair@sha256:{'a' * 64}",
    }
    assert made.sentinels == {"URL": "made-up-url"}


@pytest.mark.parametrize(
    ("profiles", "pattern", "sets"),
    [
        ((), "", [()]),
        (("a",), "", [(), ("a",)]),
        (("b", "a"), "", [(), ("a",), ("b",), ("a", "b")]),
        (("b", "a"), "(a|b)", [("a",), ("b",)]),
        (tuple("abcde"), "", [(), *((x,) for x in "abcde"), tuple("abcde")]),
    ],
)
def test_sets_of_profiles(
    profiles: tuple[str, ...], pattern: str, sets: list[tuple[str, ...]]
) -> None:
    variable = Variable(about="", pattern=pattern)
    schema = EnvSchema(schema=1, variables={"COMPOSE_PROFILES": variable})
    assert sample_values.profile_sets(profiles, schema) == sets


@pytest.mark.parametrize(
    ("text", "number"),
    [("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1.5s", 1.5), (None, 0), ("", 0)],
)
def test_durations(text: str | None, number: float) -> None:
    assert bundle_rules.seconds(text) == number


def test_a_wave_before_what_it_depends_on() -> None:
    text = (STACK / "bundle.yaml").read_text()
    bundle = parse.parse_bundle(text, "b.yaml")
    bundle = replace(bundle, waves=tuple(reversed(bundle.waves)))
    services: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {},
        "extra": {"profiles": ["extra"]},
        "front": {
            "depends_on": {"a": {}, "b": {}},
            "ports": [{"target": 8000, "published": "1"}],
        },
    }
    uses = [interpolation.Use(n, "", "", "c", 1) for n in ("PAIR_IMAGE", "FRONT_IMAGE")]
    uses.append(interpolation.Use("DATA_EPOCH", "", "", "c", 1))
    found = bundle_rules.check(bundle, services, uses, YamlText("b.yaml", text))
    assert [finding.what for finding in found] == [
        "wave 0: front depends on a, which is in wave 1",
        "wave 0: front depends on b, which is in wave 1",
    ]
