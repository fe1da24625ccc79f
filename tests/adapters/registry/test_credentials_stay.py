"""Who gets a credential, and who does not."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path

import pytest

from morphops.adapters.registry import RegistryClient
from morphops.core.release.digest import digest_of
from morphops.errors import InputError, MorphopsError, NotFound, PreconditionError, RegistryError
from tests.adapters.registry.fake_registry import (
    BASIC,
    IDENTITY,
    PASSWORD,
    TOKEN,
    USER,
    FakeRegistry,
    blob,
)
from tests.adapters.registry.fault import Fault

DIGEST, DATA = blob(1000)
SECRETS = (PASSWORD, TOKEN, IDENTITY, BASIC.removeprefix("Basic "))


def log_in(config: Path, server: FakeRegistry, password: str = PASSWORD, **more: str) -> None:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config.write_text(json.dumps({"auths": {server.host: {"auth": auth, **more}}}))


def message(caught: pytest.ExceptionInfo[MorphopsError]) -> str:
    told = caught.value.message() + repr(caught.value) + repr(vars(caught.value))
    assert not any(secret in told for secret in SECRETS)
    return caught.value.message()


@pytest.mark.parametrize("login", ["basic", "bearer"])
def test_push_and_pull_with_a_login(
    server: FakeRegistry, docker_config: Path, login: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.login = login  # type: ignore[assignment]
    log_in(docker_config, server)
    client = RegistryClient(server.host)
    client.push_blob("shop", DIGEST, DATA)
    client.push_blob("shop", DIGEST, DATA)
    assert client.read_blob("shop", DIGEST) == DATA
    assert not any(secret in caplog.text for secret in SECRETS)
    # One token for each purpose; what was accepted is sent at once the next time.
    assert server.tokens_given == (2 if login == "bearer" else 0)
    unasked = [seen for seen in server.seen if not seen.authorization]
    assert len(unasked) == 2
    if login == "bearer":
        tokens = [seen.path for seen in server.seen if seen.path.startswith("/token")]
        assert tokens[0] == "/token?service=s%2C+t&scope=repository%3Ax%3Apull%2Cpush"


@pytest.mark.parametrize("login", ["basic", "bearer"])
@pytest.mark.parametrize(
    ("password", "says"),
    [(None, "no credentials for it stand in"), ("wrong", "were not accepted")],
)
def test_a_refusal_is_explained(
    server: FakeRegistry, docker_config: Path, login: str, password: str | None, says: str
) -> None:
    server.login = login  # type: ignore[assignment]
    if password:
        log_in(docker_config, server, password)
    with pytest.raises(RegistryError) as caught:
        RegistryClient(server.host).ping()
    told = message(caught)
    assert says in told
    assert "HTTP 401" in told
    assert told.endswith(f"next:  docker login {server.host}")


def test_an_account_without_the_right(server: FakeRegistry, docker_config: Path) -> None:
    server.login = "denied"
    log_in(docker_config, server)
    with pytest.raises(RegistryError, match="may not do this") as caught:
        RegistryClient(server.host).ping()
    message(caught)


def test_a_token_that_expires_is_got_again(server: FakeRegistry, docker_config: Path) -> None:
    server.login = "bearer"
    log_in(docker_config, server)
    client = RegistryClient(server.host)
    client.ping()
    server.fault = Fault("status", status=401, times=1)
    with pytest.raises(RegistryError):
        client.ping()  # a 401 without a challenge asks for nothing
    client.ping()
    assert server.tokens_given == 2


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_a_redirect_to_another_host_gets_nothing(
    server: FakeRegistry, other: FakeRegistry, docker_config: Path, kind: str
) -> None:
    server.login = "bearer"
    log_in(docker_config, server)
    client = RegistryClient(server.host)
    other.blobs["shop"] = {DIGEST: DATA}
    other.manifests["shop"] = {DIGEST: ("x/y", DATA)}
    with pytest.raises(NotFound):
        client.read_blob("shop", DIGEST)  # has a token now
    server.fault = Fault("redirect", location=f"http://{other.host}{{path}}")
    if kind == "blobs":
        assert client.read_blob("shop", DIGEST) == DATA
    else:
        assert client.get_manifest("shop", DIGEST).data == DATA
    assert server.seen[-1].authorization == f"Bearer {TOKEN}"
    assert [seen.authorization for seen in other.seen] == [""]


@pytest.mark.parametrize("login", ["basic", "bearer"])
def test_another_host_that_asks_gets_nothing(
    server: FakeRegistry, other: FakeRegistry, docker_config: Path, login: str
) -> None:
    log_in(docker_config, server)
    other.login = login  # type: ignore[assignment]
    server.fault = Fault("redirect", location=f"http://{other.host}{{path}}")
    with pytest.raises(RegistryError, match="leads answers HTTP 401") as caught:
        RegistryClient(server.host).read_blob("shop", DIGEST)
    message(caught)
    assert [(seen.path, seen.authorization) for seen in other.seen] == [
        (f"/v2/shop/blobs/{DIGEST}", "")
    ]


def test_a_redirect_back_gets_nothing_either(
    server: FakeRegistry, other: FakeRegistry, docker_config: Path
) -> None:
    server.login = "basic"
    server.blobs["shop"] = {DIGEST: DATA}
    log_in(docker_config, server)
    client = RegistryClient(server.host)
    client.has_blob("shop", DIGEST)
    server.fault = Fault("redirect", times=1, location=f"http://{other.host}{{path}}")
    other.fault = Fault("redirect", location=f"http://{server.host}{{path}}")
    with pytest.raises(RegistryError, match="HTTP 401"):
        client.read_blob("shop", DIGEST)
    assert server.seen[-1].authorization == ""


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://registry.example{path}", "redirects to plain HTTP at registry.example"),
        ("http://user:pw@127.0.0.1:1{path}", "a URL with a user's name"),
        ("file:///etc/passwd", "not an HTTP URL"),
        ("http://127.0.0.1:99999{path}", "a malformed port"),
        ("http://[::1", "a malformed URL"),
        ("https://a\x1b[2Jb{path}", "a malformed (host|URL)"),
        ("https://\xff{path}", "a malformed host"),
        ("{path}", "redirects more than 5 times"),
    ],
)
def test_where_a_redirect_may_not_lead(server: FakeRegistry, location: str, says: str) -> None:
    server.fault = Fault("redirect", location=location)
    with pytest.raises(RegistryError, match=says):
        RegistryClient(server.host).read_blob("shop", DIGEST)


def test_what_is_sent_is_not_redirected(server: FakeRegistry, other: FakeRegistry) -> None:
    server.fault = Fault("redirect", location=f"http://{other.host}{{path}}")
    with pytest.raises(RegistryError, match="redirects a POST"):
        RegistryClient(server.host).push_blob("shop", DIGEST, DATA)
    assert other.seen == []


def test_an_upload_at_another_host_gets_nothing(
    server: FakeRegistry, other: FakeRegistry, docker_config: Path
) -> None:
    server.login = "bearer"
    log_in(docker_config, server)
    server.uploads_at = f"http://{other.host}"
    RegistryClient(server.host).push_blob("shop", DIGEST, DATA)
    assert other.blobs["shop"] == {DIGEST: DATA}
    assert [seen.authorization for seen in other.seen] == [""]
    other.login = "basic"
    with pytest.raises(RegistryError, match="HTTP 401"):
        RegistryClient(server.host).push_blob("shop", DIGEST, DATA)
    assert {seen.authorization for seen in other.seen} == {""}


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        ("http://registry.example", "plain HTTP"),
        ("http://[::1", "a malformed URL"),
        ("ftp://registry.example", "not an HTTP URL"),
    ],
)
def test_where_an_upload_does_not_go_on(server: FakeRegistry, origin: str, says: str) -> None:
    server.uploads_at = origin
    with pytest.raises(RegistryError, match=says):
        RegistryClient(server.host).push_blob("shop", DIGEST, DATA)


@pytest.mark.parametrize(
    ("realm", "says"),
    [
        ("http://auth.example/token", "auth.example is plain HTTP"),
        ("http://user:pw@127.0.0.1:1/token", "a URL with a user's name"),
        ("nothing", "not an HTTP URL"),
        ("http://[::1", "a malformed URL"),
    ],
)
def test_a_token_service_that_is_not_asked(
    server: FakeRegistry, docker_config: Path, realm: str, says: str
) -> None:
    server.login = "bearer"
    server.realm = realm
    log_in(docker_config, server)
    with pytest.raises(RegistryError, match=says) as caught:
        RegistryClient(server.host).ping()
    message(caught)


def test_a_token_service_elsewhere(
    server: FakeRegistry, other: FakeRegistry, docker_config: Path
) -> None:
    server.login = "bearer"
    server.realm = f"http://{other.host}/token?account=x"
    log_in(docker_config, server)
    RegistryClient(server.host).ping()
    assert [seen.authorization for seen in other.seen] == [BASIC]
    assert other.seen[0].path.startswith("/token?account=x&service=")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((503, b""), "the token service 127.0.0.1 of .* answers HTTP 503"),
        ((200, b"<html>"), "gives no token"),
        ((200, b'{"token": "a\\r\\nX: y"}'), "gives no token"),
        ((200, b'{"token": 5}'), "gives no token"),
        ((200, b" " * (2 << 20)), "sends more than 1048576 bytes"),
    ],
)
def test_a_token_service_that_is_broken(
    server: FakeRegistry, answer: tuple[int, bytes], says: str
) -> None:
    server.login = "bearer"
    server.token_answer = answer
    with pytest.raises(RegistryError, match=says):
        RegistryClient(server.host).ping()


def test_an_identity_token_is_exchanged(server: FakeRegistry, docker_config: Path) -> None:
    server.login = "bearer"
    docker_config.write_text(json.dumps({"auths": {server.host: {"identitytoken": IDENTITY}}}))
    RegistryClient(server.host).ping()
    (token,) = [seen for seen in server.seen if seen.path.startswith("/token")]
    assert token.method == "POST"
    assert token.path == "/token"
    assert token.authorization == ""


def test_a_registry_token_is_sent_as_it_is(server: FakeRegistry, docker_config: Path) -> None:
    server.login = "bearer"
    docker_config.write_text(json.dumps({"auths": {server.host: {"registrytoken": TOKEN}}}))
    RegistryClient(server.host).ping()
    assert server.tokens_given == 0


def test_what_stands_in_netrc_is_not_sent(server: FakeRegistry, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    (tmp_path / ".netrc").chmod(0o600)
    server.login = "basic"
    with pytest.raises(RegistryError, match="no credentials"):
        RegistryClient(server.host).ping()
    assert {seen.authorization for seen in server.seen} == {""}


def test_a_proxy_does_not_see_what_goes_to_loopback(
    server: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    RegistryClient(server.host).ping()


@pytest.mark.parametrize("host", ["user:pw@registry.example", "registry.example:x", ""])
def test_addresses_that_are_not_of_a_registry(host: str) -> None:
    with pytest.raises(InputError, match="is not the address of a registry") as caught:
        RegistryClient(host).ping()
    assert "pw" not in caught.value.message()


def test_what_is_wrong_with_a_file_to_send(server: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(PreconditionError, match=r"cannot read .*: No such file"):
        RegistryClient(server.host).push_blob("shop", digest_of(b"x"), tmp_path / "absent")
