"""Health checks, and the rules of services."""

from __future__ import annotations

from typing import Any

import pytest

from morphops.core.checks import (
    compose_rules,
)
from morphops.core.checks.healthcheck import strange_ports, weakness
from morphops.core.checks.service_rules import OF_JOBS, RULES
from morphops.core.yaml_text import YamlText

DIGEST = f"x@sha256:{'a' * 64}"

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
    ("restart", "broken"),
    [("no", []), (None, []), ("on-failure:3", []), ("unless-stopped", ["job-restart"])],
)
def test_a_job_needs_no_health_check_and_is_not_restarted(
    restart: str | None, broken: list[str]
) -> None:
    job = {key: value for key, value in GOOD.items() if key != "healthcheck"}
    job = {**job, "restart": restart}
    assert [r.name for r in OF_JOBS for _ in r.broken(job)] == broken


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


def test_the_file_that_decides_is_named() -> None:
    base = YamlText("base.yaml", "services:\n  a:\n    image: x\n    ports: [1]\n")
    over = YamlText("over.yaml", "services:\n  a:\n    image: y\n")
    assert compose_rules.place([base, over], ("services", "a", "image")) == ("over.yaml", 3)
    assert compose_rules.place([base, over], ("services", "a", "ports")) == ("base.yaml", 4)
    assert compose_rules.place([base, over], ("services", "a", "user")) == ("base.yaml", 2)
