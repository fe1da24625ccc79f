"""What the client promises, on a fake registry and on a real one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from morphops.adapters.docker import local_registry
from morphops.adapters.docker.client import Docker
from morphops.adapters.registry import Descriptor, RegistryClient
from morphops.core.release.artifact import INDEX, MANIFEST
from morphops.core.release.digest import canonical_json, digest_of
from morphops.errors import InputError, IntegrityError, NotFound
from tests import stacks
from tests.adapters.registry.fake_registry import blob, running

SIGNATURE = "application/vnd.example.signature.v1"
SBOM = "application/vnd.example.sbom.v1"


@pytest.fixture(scope="module")
def real_registry() -> Iterator[str]:
    name = f"morphops-test-registry-{uuid.uuid4().hex[:8]}"
    docker = Docker()
    image = stacks.load(docker, stacks.bases()["registry"], "morphops-test/registry:local")
    there = local_registry.up(docker, image=image, port=stacks.free_port(), name=name)
    yield there.address
    local_registry.down(docker, name=name, delete_data=True)


@pytest.fixture(params=["fake", "fake-1.0", pytest.param("real", marks=pytest.mark.engine)])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RegistryClient]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    if request.param == "real":
        yield RegistryClient(request.getfixturevalue("real_registry"))
        return
    with running() as server:
        server.knows_referrers = request.param == "fake"
        yield RegistryClient(server.host)


@pytest.fixture
def repository() -> str:
    return f"shop/{uuid.uuid4().hex[:12]}"


def push(
    client: RegistryClient, repository: str, tag: str = "", **more: object
) -> tuple[Descriptor, bytes]:
    """A small artifact with one blob."""
    digest, data = blob(100)
    if not client.has_blob(repository, digest):
        client.push_blob(repository, digest, data)
    descriptor = {"mediaType": "application/octet-stream", "digest": digest, "size": len(data)}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor,
        "layers": [descriptor],
        **more,
    }
    data = canonical_json(document)
    return client.put_manifest(repository, data, tag), data


def test_it_answers(client: RegistryClient) -> None:
    client.ping()


def test_a_blob_comes_back_as_it_was_sent(
    client: RegistryClient, repository: str, tmp_path: Path
) -> None:
    digest, data = blob(300_000)
    assert not client.has_blob(repository, digest)
    path = tmp_path / "layer"
    path.write_bytes(data)
    client.push_blob(repository, digest, path)
    assert client.has_blob(repository, digest)
    assert client.read_blob(repository, digest) == data
    assert b"".join(client.stream_blob(repository, digest, len(data))) == data


@pytest.mark.parametrize("size", [0, 1, 1 << 20])
def test_blobs_of_any_size(client: RegistryClient, repository: str, size: int) -> None:
    digest, data = blob(size)
    client.push_blob(repository, digest, data)
    assert client.read_blob(repository, digest) == data


def test_a_blob_that_is_not_its_digest_is_refused(client: RegistryClient, repository: str) -> None:
    digest, data = blob(1000)
    with pytest.raises(IntegrityError, match="not those of the digest"):
        client.push_blob(repository, digest, data + b"x")
    assert not client.has_blob(repository, digest)


def test_a_blob_is_mounted_from_another_repository(client: RegistryClient, repository: str) -> None:
    digest, data = blob(5000)
    client.push_blob(repository, digest, data)
    client.push_blob(f"{repository}/other", digest, b"is not sent", mount_from=repository)
    assert client.read_blob(f"{repository}/other", digest) == data


def test_a_blob_is_sent_where_there_is_nothing_to_mount(
    client: RegistryClient, repository: str
) -> None:
    digest, data = blob(5000)
    client.push_blob(repository, digest, data, mount_from=f"{repository}/other")
    assert client.read_blob(repository, digest) == data


def test_a_manifest_is_found_by_tag_and_digest(client: RegistryClient, repository: str) -> None:
    put, data = push(client, repository, "v1")
    assert put == Descriptor(MANIFEST, digest_of(data), len(data), "application/octet-stream")
    for reference in ("v1", put.digest):
        got = client.get_manifest(repository, reference)
        assert (got.data, got.digest) == (data, put.digest)
        assert got.descriptor.media_type == MANIFEST
        assert client.head_manifest(repository, reference) == put.digest


def test_an_index_is_kept(client: RegistryClient, repository: str) -> None:
    child, _ = push(client, repository)
    index = canonical_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child.json()]})
    client.put_manifest(repository, index, "all")
    got = client.get_manifest(repository, "all")
    assert (got.data, got.descriptor.media_type) == (index, INDEX)


def test_what_is_not_there(client: RegistryClient, repository: str) -> None:
    absent = digest_of(b"nobody has this")
    push(client, repository)
    assert client.head_manifest(repository, absent) == ""
    assert client.head_manifest(repository, "v9") == ""
    assert not client.has_blob(repository, absent)
    assert client.referrers(repository, absent) == ()
    for ask in (
        lambda: client.get_manifest(repository, absent),
        lambda: client.get_manifest(repository, "v9"),
        lambda: client.read_blob(repository, absent),
        lambda: client.delete_manifest(repository, absent),
        lambda: client.tags(f"{repository}/nothing"),
    ):
        with pytest.raises(NotFound, match="does not have it"):
            ask()


def test_tags_are_listed(client: RegistryClient, repository: str) -> None:
    for tag in ("v1", "v2", "v3"):
        push(client, repository, tag)
    assert sorted(client.tags(repository)) == ["v1", "v2", "v3"]


def test_a_deleted_manifest_is_gone(client: RegistryClient, repository: str) -> None:
    put, _ = push(client, repository, "v1")
    client.delete_manifest(repository, put.digest)
    assert client.head_manifest(repository, put.digest) == ""


def test_referrers_are_found_by_their_type(client: RegistryClient, repository: str) -> None:
    subject, _ = push(client, repository, "v1")
    made = {
        kind: push(client, repository, artifactType=kind, subject=subject.json())[0]
        for kind in (SIGNATURE, SBOM)
    }
    found = {d.digest: d.artifact_type for d in client.referrers(repository, subject.digest)}
    assert found == {d.digest: kind for kind, d in made.items()}
    (signature,) = client.referrers(repository, subject.digest, SIGNATURE)
    assert signature.digest == made[SIGNATURE].digest
    assert json.loads(client.get_manifest(repository, signature.digest).data)["subject"]


def test_a_referrer_is_listed_once(client: RegistryClient, repository: str) -> None:
    subject, _ = push(client, repository)
    for _ in range(2):
        push(client, repository, artifactType=SBOM, subject=subject.json())
    assert len(client.referrers(repository, subject.digest)) == 1


@pytest.mark.parametrize(
    ("repository_name", "reference"),
    [("../x", "v1"), ("shop//x", "v1"), ("Shop", "v1"), ("shop", "a/b"), ("shop", "sha256:12")],
)
def test_names_that_are_not_of_the_protocol_are_not_sent(
    client: RegistryClient, repository_name: str, reference: str
) -> None:
    with pytest.raises(InputError):
        client.get_manifest(repository_name, reference)


def test_bytes_that_are_not_a_manifest(client: RegistryClient, repository: str) -> None:
    with pytest.raises(InputError):
        client.put_manifest(repository, b"[]", "v1")
