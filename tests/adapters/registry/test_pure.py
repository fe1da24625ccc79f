"""Challenges, origins and Docker's names of registries, as tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.adapters.registry.challenge import Challenge, parse
from morphops.adapters.registry.credentials import DockerConfig
from morphops.adapters.registry.origin import Origin, base_url
from morphops.adapters.registry.values import Descriptor, describe, subject_of
from morphops.core.release.artifact import INDEX, MANIFEST
from morphops.core.release.reference import HUB
from morphops.errors import InputError


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        (
            'Bearer realm="https://a/token",service="s",scope="repository:x:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://a/token",
                        "service": "s",
                        "scope": "repository:x:pull,push",
                    },
                )
            ],
        ),
        ('bearer Realm = "a" , service=s', [("bearer", {"realm": "a", "service": "s"})]),
        (
            'Negotiate abc==, Basic realm="x", Bearer realm="y"',
            [("negotiate", {}), ("basic", {"realm": "x"}), ("bearer", {"realm": "y"})],
        ),
        (r'Basic realm="say \"x\""', [("basic", {"realm": 'say "x"'})]),
        ('Bearer realm="a", realm="b"', [("bearer", {"realm": "a"})]),
        ("Bearer realm=", [("bearer", {})]),
        (',, Basic realm="x",', [("basic", {"realm": "x"})]),
        ('"', []),
    ],
)
def test_challenges(header: str, challenges: list[tuple[str, dict[str, str]]]) -> None:
    found = parse(header)
    assert [(c.scheme, c.parameters) for c in found][: len(challenges)] == challenges


@given(st.text(alphabet=' \t,="\\Bearm:/x'))
def test_any_header_is_read_to_an_end(header: str) -> None:
    assert all(isinstance(challenge, Challenge) for challenge in parse(header))


@pytest.mark.parametrize(
    ("source", "target", "may"),
    [
        ("https://r.example", "https://cdn.example/x", True),
        ("https://r.example", "http://r.example", False),
        ("https://r.example", "http://127.0.0.1", False),
        ("http://127.0.0.1:5000", "https://cdn.example", True),
        ("http://127.0.0.1:5000", "http://[::1]:80", True),
        ("http://127.0.0.1:5000", "http://localhost:1", True),
        ("http://127.0.0.1:5000", "http://10.0.0.1", False),
        ("http://127.0.0.1:5000", "http://127.0.0.1.example", False),
    ],
)
def test_where_one_origin_may_lead(source: str, target: str, may: bool) -> None:
    assert Origin.of(source).may_lead_to(Origin.of(target)) is may


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("https://r.example/v2", "https://R.example:443/x", True),
        ("https://r.example", "https://r.example:8443", False),
        ("https://r.example", "http://r.example:443", False),
        ("http://127.0.0.1:5000", "http://localhost:5000", False),
    ],
)
def test_one_origin(one: str, another: str, same: bool) -> None:
    assert (Origin.of(one) == Origin.of(another)) is same


@pytest.mark.parametrize(
    ("registry", "url"),
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000/v2"),
        ("127.3.2.1", "http://127.3.2.1/v2"),
        ("localhost", "http://localhost/v2"),
        ("[::1]:5000", "http://[::1]:5000/v2"),
        ("ghcr.io", "https://ghcr.io/v2"),
        (HUB, "https://registry-1.docker.io/v2"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000/v2"),
        ("localhost.example", "https://localhost.example/v2"),
    ],
)
def test_plain_http_on_loopback_only(registry: str, url: str) -> None:
    assert base_url(registry) == url


@pytest.mark.parametrize(
    ("key", "host", "found"),
    [
        ("r.example:5000", "r.example:5000", True),
        ("https://r.example:5000", "r.example:5000", True),
        ("https://r.example:5000/v1/", "r.example:5000", True),
        ("r.example", "r.example:5000", False),
        ("r.example:5000", "r.example", False),
        ("r.example.evil.example", "r.example", False),
        ("https://index.docker.io/v1/", HUB, True),
        ("index.docker.io", HUB, True),
        ("https://index.docker.io/v1/", "ghcr.io", False),
    ],
)
def test_whose_credential_a_key_is(tmp_path: Path, key: str, host: str, found: bool) -> None:
    auths = {"auths": {key: {"username": "u", "password": "p"}, "https://empty.example": {}}}
    (tmp_path / "config.json").write_text(json.dumps(auths))
    credential = DockerConfig.load({"DOCKER_CONFIG": str(tmp_path)}).find(host)
    assert (credential is not None) is found
    assert "u" not in repr(credential).removeprefix("Credential")


def test_no_configuration_has_no_credential(tmp_path: Path) -> None:
    assert DockerConfig.load({"DOCKER_CONFIG": str(tmp_path / "absent")}).find(HUB) is None


@pytest.mark.parametrize(
    ("document", "media_type", "artifact_type"),
    [
        ({}, MANIFEST, ""),
        ({"manifests": []}, INDEX, ""),
        ({"mediaType": "x/y"}, "x/y", ""),
        ({"config": {"mediaType": "c/d"}}, MANIFEST, "c/d"),
        ({"config": {"mediaType": "c/d"}, "artifactType": "a/b"}, MANIFEST, "a/b"),
        ({"manifests": [], "artifactType": "a/b"}, INDEX, "a/b"),
    ],
)
def test_how_a_manifest_is_listed(
    document: dict[str, object], media_type: str, artifact_type: str
) -> None:
    found = describe(json.dumps(document).encode(), "shop")
    assert (found.media_type, found.artifact_type) == (media_type, artifact_type)
    assert Descriptor.parse(json.loads(json.dumps(found.json()))) == found


@pytest.mark.parametrize("subject", ["x", {}, {"digest": "sha256:1", "size": 1}])
def test_a_malformed_subject(subject: object) -> None:
    with pytest.raises(InputError, match="the subject of shop is a descriptor"):
        subject_of(json.dumps({"subject": subject}).encode(), "shop")
