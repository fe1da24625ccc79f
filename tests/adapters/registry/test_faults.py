"""Answers that break off, are too long, too slow, or not what was asked for."""

from __future__ import annotations

import json
import socket

import pytest

from morphops.adapters.registry import RegistryClient, answers
from morphops.core.release.artifact import INDEX, MANIFEST
from morphops.core.release.digest import digest_of
from morphops.errors import IntegrityError, MorphopsError, NotFound, RegistryError
from tests.adapters.registry.fake_registry import FakeRegistry, blob
from tests.adapters.registry.fault import Fault

DIGEST, DATA = blob(400_000)
MANIFEST_BYTES = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST}).encode()
NAME = digest_of(MANIFEST_BYTES)


def client(server: FakeRegistry, *, stalled_after: float = 60, whole: float = 60) -> RegistryClient:
    server.blobs["shop"] = {DIGEST: DATA}
    server.manifests["shop"] = {NAME: (MANIFEST, MANIFEST_BYTES), "v1": (MANIFEST, MANIFEST_BYTES)}
    return RegistryClient(server.host, stalled_after=stalled_after, whole=whole)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Fault("status", status=500), RegistryError, "answers HTTP 500"),
        (Fault("status", status=404), NotFound, "does not have it"),
        (Fault("status", status=429), RegistryError, "answers HTTP 429"),
        (Fault("status", status=204), RegistryError, "answers HTTP 204"),
        (Fault("cut"), RegistryError, "out of reach"),
        (Fault("other bytes"), IntegrityError, "does not hash to its digest"),
        (Fault("endless"), RegistryError, "sends more than 4194304 bytes"),
        (Fault("gzip"), RegistryError, "sends a compressed body"),
    ],
)
@pytest.mark.parametrize("reference", [NAME, "v1"])
def test_a_manifest(
    server: FakeRegistry, fault: Fault, error: type[MorphopsError], says: str, reference: str
) -> None:
    asking = client(server)
    server.fault = fault
    with pytest.raises(error, match=says) as caught:
        asking.get_manifest("shop", reference)
    assert caught.value.exit_code == 3
    assert caught.value.what.startswith(("could not find", "what 127.0.0.1")), (
        caught.value.message()
    )
    assert len(server.seen) == 1  # no silent repetition


@pytest.mark.parametrize("kind", ["drip", "drip headers"])
def test_a_byte_now_and_then_does_not_hold_us(server: FakeRegistry, kind: str) -> None:
    asking = client(server, whole=0.4)
    server.fault = Fault(kind)  # type: ignore[arg-type]
    with pytest.raises(RegistryError, match=r"not whole after 0\.4 s"):
        asking.get_manifest("shop", NAME)


def test_an_answer_that_stalls(server: FakeRegistry) -> None:
    asking = client(server, stalled_after=0.2)
    server.fault = Fault("hang")
    with pytest.raises(RegistryError, match=r"no answer within 0\.2 s"):
        asking.get_manifest("shop", NAME)


def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(RegistryError, match=f"the registry {host} is out of reach") as caught:
            RegistryClient(host).ping()
        assert caught.value.hint == "inv registry.up"
        assert caught.value.state == "nothing was changed"
        assert not answers(host, limit=5)


def test_who_answers(server: FakeRegistry) -> None:
    assert answers(server.host, limit=30)
    server.login = "basic"
    assert answers(server.host, limit=30)
    server.fault = Fault("status", status=404)
    assert not answers(server.host, limit=30)


def test_a_server_that_is_not_a_registry(server: FakeRegistry) -> None:
    asking = client(server)
    server.manifests["shop"]["sha256-" + "1" * 64] = ("text/html", b"<html>")
    server.knows_referrers = False
    with pytest.raises(RegistryError, match="does not answer as a registry does"):
        asking.referrers("shop", f"sha256:{'1' * 64}")


@pytest.mark.parametrize("entry", ["x", {}, {"digest": NAME}, {"digest": "sha512:1", "size": 1}])
def test_a_malformed_list_of_referrers(server: FakeRegistry, entry: object) -> None:
    asking = client(server)
    index = json.dumps({"mediaType": INDEX, "manifests": [entry]}).encode()
    server.manifests["shop"][NAME.replace(":", "-")] = (INDEX, index)
    server.knows_referrers = False
    with pytest.raises(RegistryError, match="does not answer as a registry does"):
        asking.referrers("shop", NAME)


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_broken_blob_is_resumed(server: FakeRegistry, knows_ranges: bool) -> None:
    asking = client(server)
    server.knows_ranges = knows_ranges
    server.fault = Fault("cut", "/blobs/", times=2)
    assert b"".join(asking.stream_blob("shop", DIGEST, len(DATA))) == DATA
    asked = [seen.range for seen in server.seen]
    assert len(asked) == 3
    assert asked[0] == ""
    assert asked[1] == f"bytes={len(DATA) // 2}-"


def test_a_small_blob_is_resumed_without_its_size(server: FakeRegistry) -> None:
    asking = client(server)
    server.fault = Fault("cut", "/blobs/", times=1)
    assert asking.read_blob("shop", DIGEST) == DATA


def test_a_registry_that_restarts_while_a_blob_is_read(server: FakeRegistry) -> None:
    asking = client(server)
    server.fault = Fault("cut", "/blobs/", times=1)
    chunks = asking.stream_blob("shop", DIGEST, len(DATA))
    first = next(chunks)
    server.fault = Fault("status", "/blobs/", status=503, times=2)
    assert first + b"".join(chunks) == DATA


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (Fault("cut", "/blobs/"), RegistryError, "out of reach"),
        (Fault("other bytes", "/blobs/"), IntegrityError, "does not hash to its digest"),
        (Fault("endless", "/blobs/"), IntegrityError, "longer than blob"),
        (Fault("gzip", "/blobs/"), RegistryError, "compressed"),
        (Fault("status", "/blobs/", status=503), RegistryError, "HTTP 503"),
        (Fault("status", "/blobs/", status=404), NotFound, "does not have it"),
    ],
)
def test_a_blob(server: FakeRegistry, fault: Fault, error: type[MorphopsError], says: str) -> None:
    asking = client(server)
    server.fault = fault
    with pytest.raises(error, match=says):
        list(asking.stream_blob("shop", DIGEST, len(DATA)))


def test_a_blob_is_not_larger_than_allowed(server: FakeRegistry) -> None:
    asking = client(server)
    with pytest.raises(RegistryError, match="more than 1000 bytes"):
        asking.read_blob("shop", DIGEST, most=1000)


def test_a_blob_that_stalls_is_given_up(server: FakeRegistry) -> None:
    asking = client(server, stalled_after=0.2)
    server.fault = Fault("hang", "/blobs/")
    with pytest.raises(RegistryError, match=r"no answer within 0\.2 s"):
        list(asking.stream_blob("shop", DIGEST, len(DATA)))


def test_the_body_of_a_redirect_is_not_read(server: FakeRegistry) -> None:
    asking = client(server, whole=20)
    where = f"http://{server.host}{{path}}"
    server.fault = Fault("redirect", location=where, times=1, endless=True)
    assert asking.read_blob("shop", DIGEST) == DATA


def test_lists_come_in_pages(server: FakeRegistry) -> None:
    asking = client(server)
    server.page = 2
    subject = {"mediaType": MANIFEST, "digest": NAME, "size": len(MANIFEST_BYTES)}
    for number in range(5):
        document = {"mediaType": MANIFEST, "subject": subject, "artifactType": f"t/{number}"}
        asking.put_manifest("shop", json.dumps(document).encode(), f"t{number}")
    assert asking.tags("shop") == ("t0", "t1", "t2", "t3", "t4", "v1")
    assert len(asking.referrers("shop", NAME)) == 5
    assert [d.artifact_type for d in asking.referrers("shop", NAME, "t/3")] == ["t/3"]
    assert not any("sha256-" in line for line in server.asked())


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("http://127.0.0.1:1/v2/shop/tags/list", "its next page is at another host"),
        ("http://[::1", "its next page is at another host"),
        ("", "more than 100 pages"),
    ],
)
def test_a_list_that_goes_on_nowhere(server: FakeRegistry, link: str, says: str) -> None:
    asking = client(server)
    server.page = 0  # so that there is always more
    server.link = link
    with pytest.raises(RegistryError, match=says):
        asking.referrers("shop", NAME)


def test_a_referrer_is_added_to_the_list_of_others(server: FakeRegistry) -> None:
    asking = client(server)
    server.knows_referrers = False
    strange = {"mediaType": "x/y", "digest": f"sha512:{'1' * 128}", "size": 1, "urls": ["u"]}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [strange]}).encode()
    tag = NAME.replace(":", "-")
    server.manifests["shop"][tag] = (INDEX, index)
    document = {
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.example.config"},
        "annotations": {"by": "us"},
        "subject": {"mediaType": MANIFEST, "digest": NAME, "size": len(MANIFEST_BYTES)},
    }
    put = asking.put_manifest("shop", json.dumps(document).encode())
    listed = json.loads(server.manifests["shop"][tag][1])["manifests"]
    assert listed == [
        strange,
        {
            "mediaType": MANIFEST,
            "digest": put.digest,
            "size": put.size,
            "artifactType": "application/vnd.example.config",
            "annotations": {"by": "us"},
        },
    ]


@pytest.mark.parametrize(("times", "recorded"), [(2, True), (1000, False)])
def test_a_list_that_another_writer_replaces(
    server: FakeRegistry, times: int, recorded: bool
) -> None:
    asking = client(server)
    server.knows_referrers = False
    server.fault = Fault("lose", "/manifests/sha256-", times=times)
    subject = {"mediaType": MANIFEST, "digest": NAME, "size": len(MANIFEST_BYTES)}
    data = json.dumps({"mediaType": MANIFEST, "subject": subject}).encode()
    if recorded:
        put = asking.put_manifest("shop", data)
        assert [d.digest for d in asking.referrers("shop", NAME)] == [put.digest]
        return
    with pytest.raises(RegistryError, match="others write the same list"):
        asking.put_manifest("shop", data)
