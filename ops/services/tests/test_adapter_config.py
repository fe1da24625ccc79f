import json
import os
import subprocess
import sys
from typing import Any

import pytest
from harness import clean_env
from hypothesis import given
from hypothesis import strategies as st

from morphogen_rpc_adapter.cli import main
from morphogen_rpc_adapter.config import ConfigError, load_settings
from morphogen_rpc_adapter.redact import HIDDEN, INVALID, is_http_url, redact_url, scrub, secrets_of

DEFAULTS = {
    "upstream": "https://ethereum-rpc.publicnode.com",
    "dict_url": "http://localhost:8080/mainnet_compact.dict",
    "cas_url": "http://localhost:8080/cas",
}
FROM_ENV = {
    "UPSTREAM_RPC_URL": "https://env-upstream.example",
    "DICT_URL": "https://env-dict.example/mainnet_compact.dict",
    "CAS_URL": "https://env-cas.example/cas",
}
CASES: list[tuple[str, list[str], dict[str, str], dict[str, str]]] = [
    ("defaults", [], {}, DEFAULTS),
    (
        "environment",
        [],
        FROM_ENV,
        {
            "upstream": FROM_ENV["UPSTREAM_RPC_URL"],
            "dict_url": FROM_ENV["DICT_URL"],
            "cas_url": FROM_ENV["CAS_URL"],
        },
    ),
    (
        "flags over environment",
        ["--upstream", "https://f.example", "--dict-url=https://d.example", "--cas-url=http://c"],
        FROM_ENV,
        {"upstream": "https://f.example", "dict_url": "https://d.example", "cas_url": "http://c"},
    ),
    (
        "a part of the environment",
        [],
        {"DICT_URL": FROM_ENV["DICT_URL"], "CAS_URL": ""},
        DEFAULTS | {"dict_url": FROM_ENV["DICT_URL"]},
    ),
    (
        "what is no URL",
        [],
        {"UPSTREAM_RPC_URL": "not-a-valid-url", "DICT_URL": "also not", "CAS_URL": "://still"},
        dict.fromkeys(DEFAULTS, INVALID),
    ),
    (
        "secrets",
        ["--otel-env=prod", "--otel-service-name", "x"],
        {
            "UPSTREAM_RPC_URL": "https://user:pass@rpc.example/v2/abc123?token=s&network=mainnet",
            "DICT_URL": "https://dict.example/mainnet_compact.dict?sig=abc",
            "CAS_URL": "https://cas.example/cas?api_key=def",
        },
        {
            "upstream": "https://REDACTED:REDACTED@rpc.example/v2/REDACTED"
            "?token=REDACTED&network=REDACTED",
            "dict_url": "https://dict.example/mainnet_compact.dict?sig=REDACTED",
            "cas_url": "https://cas.example/cas?api_key=REDACTED",
        },
    ),
]


@pytest.mark.parametrize(
    ("args", "env", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_effective_config(args: list[str], env: dict[str, str], expected: dict[str, str]) -> None:
    command = [sys.executable, "-m", "morphogen_rpc_adapter", "--print-effective-config", *args]
    done = subprocess.run(command, env=clean_env(**env), capture_output=True, check=True)
    assert json.loads(done.stdout) == expected
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pass@rpc.example/v2/abc123?token=s",
         "https://REDACTED:REDACTED@rpc.example/v2/REDACTED?token=REDACTED"),
        ("https://token@rpc.example", "https://REDACTED@rpc.example"),
        ("https://a:b@c@rpc.example/", "https://REDACTED:REDACTED@rpc.example/"),
        ("http://h:8545/rpc/v1/", "http://h:8545/rpc/v1/"),
        ("http://[::1]:8545/KEY", "http://[::1]:8545/REDACTED"),
        ("wss://h/ws/KEY", "wss://h/REDACTED/REDACTED"),
        ("https://h?KEY", "https://h?REDACTED"),
        ("https://h?a=1&a=2&=3", "https://h?a=REDACTED&a=REDACTED&=REDACTED"),
        ("https://h/v2;KEY", "https://h/REDACTED"),
        ("https://h/#KEY", "https://h/#REDACTED"),
        ("https://h/%76%32", "https://h/REDACTED"),
        ("", INVALID),
        ("https://", INVALID),
        ("https:///path", INVALID),
        ("https://user@/path", INVALID),
        ("https://h:99999/", INVALID),
        ("https://h:port/", INVALID),
        ("https://h /", INVALID),
        ("https://h\n/KEY", INVALID),
        ("https://h\\KEY", INVALID),
        ("https://[::1/KEY", INVALID),
        ("h.example/KEY", INVALID),
    ],
)  # fmt: skip
def test_redaction_keeps_the_shape(url: str, shown: str) -> None:
    assert redact_url(url) == shown


SECRET = st.text("GHJKLMNPQXYZ0123456789", min_size=6, max_size=20)


@given(SECRET, SECRET, SECRET, SECRET, SECRET)
def test_no_secret_survives(user: str, password: str, segment: str, value: str, part: str) -> None:
    url = f"https://{user}:{password}@rpc.example/v2/{segment}?key={value}#{part}"
    shown = redact_url(url)
    for secret in (user, password, segment, value, part):
        assert secret not in shown
        assert secret not in scrub(f"cannot reach {url}: {secret}", secrets_of(url))
    assert shown == f"https://{HIDDEN}:{HIDDEN}@rpc.example/v2/{HIDDEN}?key={HIDDEN}#{HIDDEN}"


@given(st.text(max_size=60))
def test_redaction_never_fails(text: str) -> None:
    assert redact_url(text) == INVALID or "://" in redact_url(text)
    assert redact_url("https://h.example/" + text) != ""


@pytest.mark.parametrize("url", ["ftp://h", "file:///x", "ws://h", "x", "//h", "http:h"])
def test_what_cannot_be_asked(url: str) -> None:
    assert not is_http_url(url)
    with pytest.raises(ConfigError, match="upstream: must be an http"):
        load_settings({"upstream": url}, {}).check_urls()


def test_defaults() -> None:
    settings = load_settings({}, {})
    assert str(settings.bind_addr) == "127.0.0.1:8545"
    assert settings.pir_server_a == "http://localhost:3000"
    assert settings.pir_server_b == "http://localhost:3001"
    assert (settings.refresh_interval, settings.upstream_timeout) == (12, 15)
    assert (settings.environment, settings.fallback_to_upstream) == ("prod", False)
    assert settings.tx_relay is None


@pytest.mark.parametrize(
    ("flags", "variable", "expected"),
    [
        ({}, "0.0.0.0:8545", "0.0.0.0:8545"),
        ({"port": "9000"}, "", "127.0.0.1:9000"),
        ({"port": "9000"}, "0.0.0.0:8545", "0.0.0.0:9000"),
        ({}, "[::]:1", "[::]:1"),
    ],
)
def test_listening_address(flags: dict[str, str], variable: str, expected: str) -> None:
    settings = load_settings(flags, {"MORPHOGEN_RPC_ADAPTER_BIND_ADDR": variable})
    assert str(settings.bind_addr) == expected


@pytest.mark.parametrize(
    ("flags", "environ", "reason"),
    [
        ({"environment": "production"}, {}, "environment: "),
        ({"refresh_interval": "0"}, {}, "refresh_interval: "),
        ({"refresh_interval": "nan"}, {}, "refresh_interval: "),
        ({"refresh_interval": "inf"}, {}, "refresh_interval: "),
        ({"upstream_timeout": "-1"}, {}, "upstream_timeout: "),
        ({"port": "70000"}, {}, "port: must be a number"),
        ({"port": "x"}, {}, "port: must be a number"),
        ({}, {"MORPHOGEN_RPC_ADAPTER_BIND_ADDR": "8545"}, "MORPHOGEN_RPC_ADAPTER_BIND_ADDR: "),
        ({"fallback_to_upstream": True}, {}, "--fallback-to-upstream in prod requires"),
    ],
)
def test_bad_values_are_named(flags: dict[str, Any], environ: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(flags, environ)
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


def test_fallback_needs_to_be_meant() -> None:
    both = {"fallback_to_upstream": True, "allow_privacy_degraded_fallback": True}
    assert load_settings(both, {}).fallback_to_upstream
    assert not load_settings({"allow_privacy_degraded_fallback": True}, {}).fallback_to_upstream
    for environment in ("dev", "test"):
        flags = {"fallback_to_upstream": True, "environment": environment}
        assert load_settings(flags, {}).fallback_to_upstream


def test_one_server_is_no_pair() -> None:
    flags = {"pir_server_a": "http://h:1/", "pir_server_b": "http://h:1"}
    with pytest.raises(ConfigError, match="two different servers"):
        load_settings(flags, {}).check_urls()


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["--fallback-to-upstream"], "requires --allow-privacy-degraded-fallback"),
        (["--bind-addr=1.2.3.4:5"], "unrecognized arguments"),
        (["--upstream=ftp://user:hush@h/hush"], "upstream: must be an http or https URL"),
    ],
)
def test_a_failed_start_is_one_line_and_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    reason: str,
) -> None:
    for name in set(os.environ) - set(clean_env()):
        monkeypatch.delenv(name)
    assert main(args) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("morphogen-rpc-adapter startup failed: ")
    assert reason in lines[0]
    assert "hush" not in lines[0]


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "UPSTREAM_RPC_URL" in capsys.readouterr().out
