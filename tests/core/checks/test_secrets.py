"""Secrets that are written where others read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import pytest

from morphops.core.checks import (
    compose_rules,
    compose_secrets,
    plain_secrets,
)
from morphops.core.finding import Finding
from morphops.core.yaml_text import YamlText
from tests.samples.releases import BUNDLE as OF_SHOP

Findings: TypeAlias = list[Finding]


def secrets_of(model: Mapping[str, Any], sentinels: Mapping[str, str], text: YamlText) -> Findings:
    """What the rules for secrets find in the services of a model."""
    rendered = compose_rules.Rendered(
        model=model, sentinels=sentinels, sources=[text], folder="/stack", bundle=OF_SHOP
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
