"""The local registry and the build, on a real engine; and what can be tested without one."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests

from morphops.adapters.base_images import assemble, push
from morphops.adapters.docker import buildx, image_store, local_registry
from morphops.adapters.docker.client import Docker
from morphops.adapters.registry import RegistryClient
from morphops.core.release.digest import is_digest
from morphops.core.requests import BuildRequest
from morphops.errors import (
    ConfigError,
    EngineCallFailed,
    InputError,
    PreconditionError,
    RegistryError,
)
from tests import stacks
from tests.stacks import free_port

FROM = "tool:1@sha256:" + "0" * 64


@pytest.fixture(scope="module")
def docker() -> Docker:
    return Docker()


@pytest.fixture(scope="module")
def made() -> assemble.BaseImage:
    return stacks.bases()["registry"]


@pytest.fixture(scope="module")
def image(docker: Docker, made: assemble.BaseImage) -> Iterator[str]:
    tag = f"morphops-test/registry:{uuid.uuid4().hex[:12]}"
    yield stacks.load(docker, made, tag)
    docker.client().image.remove(tag, force=True)


@pytest.fixture
def name(docker: Docker) -> Iterator[str]:
    name = f"morphops-test-{uuid.uuid4().hex[:12]}"
    yield name
    client = docker.client()
    if client.container.exists(name):
        client.container.remove(name, force=True, volumes=True)
    if client.volume.exists(name):
        client.volume.remove(name)


@pytest.mark.engine
def test_an_image_is_loaded_once(docker: Docker, made: assemble.BaseImage, image: str) -> None:
    (there,) = docker.engine.inspect_images([image])
    assert there["Id"] in made.ids

    def never() -> Iterator[bytes]:
        yield from ()
        raise AssertionError("it is there")

    tag = there["RepoTags"][0]
    assert image_store.load(docker, tag, made.ids, never()) == there["Id"]


@pytest.mark.engine
def test_up_again_down_and_up(docker: Docker, image: str, name: str) -> None:
    port = free_port()
    there = local_registry.up(docker, image=image, port=port, name=name)
    assert (there.state, there.address) == ("started", f"127.0.0.1:{port}")
    found = docker.client().container.inspect(name)
    assert (found.config.labels or {})["morphops.role"] == "registry"
    policy = found.host_config.restart_policy
    assert policy is not None
    assert policy.name == "unless-stopped"
    bindings = (found.host_config.port_bindings or {})["5000/tcp"]
    assert bindings is not None
    assert [str(binding.host_ip) for binding in bindings] == ["127.0.0.1"]

    def never() -> str:
        raise AssertionError("a running registry needs no image")

    again = local_registry.up(docker, image=never, port=port, name=name)
    assert again.state == "running"
    assert docker.client().container.inspect(name).id == found.id

    # Stopped from outside, it is started again.
    docker.client().container.stop(name, time=1)
    assert local_registry.up(docker, image=lambda: image, port=port, name=name).state == "started"

    down = local_registry.down(docker, name=name)
    assert (down.state, down.address) == ("stopped", f"127.0.0.1:{port}")
    assert docker.client().volume.exists(name)
    assert local_registry.down(docker, name=name).state == "absent"
    assert local_registry.down(docker, name=name, delete_data=True).state == "absent"
    assert not docker.client().volume.exists(name)


@pytest.mark.engine
def test_it_keeps_its_data_and_lets_delete(
    docker: Docker, made: assemble.BaseImage, image: str, name: str
) -> None:
    registry = local_registry.up(docker, image=image, port=free_port(), name=name).address
    ref = push.push(made, registry=registry, repository="shop/base", say=print)
    assert ref.digest == made.digest
    local_registry.down(docker, name=name)
    with pytest.raises(RegistryError, match="could not push"):
        push.push(made, registry=registry, repository="shop/base", say=print)
    registry = local_registry.up(docker, image=image, port=free_port(), name=name).address
    said: list[str] = []
    push.push(made, registry=registry, repository="shop/base", say=said.append)
    assert said == []
    url = f"http://{registry}/v2/shop/base/manifests/{made.digest}"
    with requests.Session() as session:
        session.trust_env = False
        assert session.delete(url, timeout=10).status_code == 202


@pytest.mark.engine
def test_what_no_manifest_names_is_freed(
    docker: Docker, made: assemble.BaseImage, image: str, name: str
) -> None:
    with pytest.raises(PreconditionError, match=f"no container {name}"):
        local_registry.collect(docker, name=name)
    registry = local_registry.up(docker, image=image, port=free_port(), name=name).address
    base = push.push(made, registry=registry, repository="shop/base", say=print)
    other = stacks.variant(made, registry, "shop/other", layer=os.urandom(300_000))
    assert local_registry.collect(docker, name=name) == 0
    client = RegistryClient(registry)
    client.delete_manifest("shop/other", other)
    freed = local_registry.collect(docker, name=name)
    assert 300_000 <= freed < 400_000
    assert client.head_manifest("shop/base", base.digest) == base.digest
    assert all(client.has_blob("shop/base", layer) for layer in made.layers)


@pytest.mark.engine
def test_a_port_that_is_taken(docker: Docker, image: str, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PreconditionError, match=f"port {port} .* outside of Docker") as caught:
            local_registry.up(docker, image=image, port=port, name=name)
    assert caught.value.state == "nothing was changed"
    assert not docker.client().container.exists(name)
    # By a container, it is named.
    local_registry.up(docker, image=image, port=port, name=name)
    with pytest.raises(PreconditionError, match=f"taken by the container {name}"):
        local_registry.up(docker, image=image, port=port, name=f"{name}-2")


@pytest.mark.engine
def test_a_container_of_that_name_that_is_not_ours(docker: Docker, image: str, name: str) -> None:
    docker.client().container.create(image, name=name)
    with pytest.raises(PreconditionError, match="morphops did not create it"):
        local_registry.up(docker, image=image, port=free_port(), name=name)
    with pytest.raises(PreconditionError, match="morphops did not create it"):
        local_registry.down(docker, name=name)
    assert docker.client().container.exists(name)


@pytest.mark.engine
def test_a_registry_that_does_not_come_up(docker: Docker, name: str, tmp_path: Path) -> None:
    with pytest.raises(EngineCallFailed, match="could not start the registry"):
        local_registry.up(docker, image="sha256:" + "0" * 64, port=free_port(), name=name)


def test_it_never_leaves_loopback() -> None:
    with pytest.raises(InputError, match=r"loopback only, not to 0\.0\.0\.0"):
        local_registry.up(Docker(), image="x", host="0.0.0.0")


# --- the build

BAKE = """
variable "REGISTRY" { default = "" }
variable "VERSION" { default = "" }
variable "REVISION" { default = "" }
variable "SOURCE" { default = "" }
group "default" { targets = ["one", "two"] }
target "one" {
  context = "src"
  dockerfile = "../one.Dockerfile"
  tags = ["${REGISTRY}/shop/one:build"]
  labels = { "org.opencontainers.image.revision" = REVISION }
}
target "two" {
  context = "src"
  dockerfile = "../one.Dockerfile"
  tags = ["${REGISTRY}/shop/two:build"]
}
"""


@dataclass(frozen=True)
class Workshop:
    docker: Docker
    folder: Path
    registry: str
    base: str

    def bake(self, **changes: object) -> dict[str, str]:
        made = buildx.bake(self.docker, self.request(**changes), print)
        return {target: image.digest for target, image in made.items()}

    def request(self, **changes: object) -> BuildRequest:
        whole = BuildRequest(
            file=self.folder / "bake.hcl",
            folder=self.folder,
            project="shop",
            registry=self.registry,
            version="1",
            revision="abc",
            source="https://forge.example/shop",
            bases={FROM: self.base},
        )
        return replace(whole, **changes)  # type: ignore[arg-type]

    def dockerfile(self, *lines: str) -> None:
        (self.folder / "one.Dockerfile").write_text("\n".join((f"FROM {FROM}", *lines, "")))


@pytest.fixture
def workshop(
    docker: Docker, made: assemble.BaseImage, image: str, name: str, tmp_path: Path
) -> Iterator[Workshop]:
    registry = local_registry.up(docker, image=image, port=free_port(), name=name).address
    base = push.push(made, registry=registry, repository="shop/base", say=print)
    (tmp_path / "src").mkdir()
    # Its own words, so that no image of another test is the same image under another name.
    (tmp_path / "src" / "code").write_text(f"{name}\n")
    (tmp_path / "bake.hcl").write_text(BAKE)
    shop = Workshop(docker, tmp_path, registry, str(base))
    shop.dockerfile("COPY code /code")
    yield shop
    stacks.remove_images(f"{registry}/*/*")


@pytest.mark.engine
def test_build_and_push_name_digests_that_can_be_pulled(workshop: Workshop, tmp_path: Path) -> None:
    said: list[str] = []
    here = Path.cwd()
    os.chdir("/")  # where it is called from must not matter
    try:
        made = buildx.bake(workshop.docker, workshop.request(), said.append)
    finally:
        os.chdir(here)
    digests = {target: image.digest for target, image in made.items()}
    assert set(digests) == {"one", "two"}
    assert all(map(is_digest, digests.values()))
    assert any("COPY code /code" in line for line in said)
    docker = workshop.docker.client(60)
    ref = f"{workshop.registry}/shop/one@{digests['one']}"
    docker.image.pull(ref, quiet=True)
    found = docker.image.inspect(ref)
    assert found.id in made["one"].names
    assert (found.config.labels or {})["org.opencontainers.image.revision"] == "abc"
    assert workshop.bake() == digests
    (workshop.folder / "src" / "code").write_text("2\n")
    assert workshop.bake(targets=("two",))["two"] != digests["two"]


def keeps_manifests() -> bool:
    """Whether the engine has containerd's image store, where an image is gone with its name."""
    return "io.containerd.snapshotter" in str(Docker().engine.info().get("DriverStatus"))


@pytest.mark.engine
def test_load_without_push_names_the_image(workshop: Workshop) -> None:
    ids = workshop.bake(push=False)
    tag = f"{workshop.registry}/shop/one:build"
    assert workshop.docker.client().image.inspect(tag).id == ids["one"]
    # The next build takes its name away. Where it is kept, it is still known as ours.
    (workshop.folder / "src" / "code").write_text("2\n")
    assert workshop.bake(push=False)["one"] != ids["one"]
    left = [image for image in image_store.images(workshop.docker) if image.id == ids["one"]]
    kept: list[tuple[frozenset[str], str]] = [] if keeps_manifests() else [(frozenset(), "shop")]
    assert [(image.references, image.project) for image in left] == kept
    assert image_store.remove_references(workshop.docker, [ids["one"]]) == ()


@pytest.mark.engine
def test_the_certificates_reach_the_build(workshop: Workshop) -> None:
    ca = workshop.folder / "ca.crt"
    ca.write_text("certificates\n")
    workshop.dockerfile(
        "RUN --mount=type=secret,id=ca,target=/ca read line </ca && [ $line = certificates ]"
    )
    workshop.bake(ca_file=ca)


@pytest.mark.engine
def test_a_failed_build_shows_its_last_lines_without_secrets(workshop: Workshop) -> None:
    workshop.dockerfile("RUN echo the token is hunter2hunter2; exit 3")
    said: list[str] = []
    with pytest.raises(ConfigError, match="could not build default") as caught:
        buildx.bake(
            workshop.docker,
            workshop.request(),
            said.append,
            lambda line: line.replace("hunter2hunter2", "***"),
        )
    text = caught.value.message()
    assert "the token is ***" in text
    assert "exit code: 3" in text
    assert len(caught.value.detail) <= 20
    # What the error says is not said before it as well.
    assert not any(line.startswith(("------", " > ", "ERROR:")) for line in said)
    assert "hunter2" not in text + "".join(said)


@pytest.mark.engine
@pytest.mark.parametrize("line", ["NONSENSE x", "COPY there-is-no-such-file /x"])
def test_a_dockerfile_that_is_wrong_is_bad_input(workshop: Workshop, line: str) -> None:
    workshop.dockerfile(line)
    with pytest.raises(ConfigError, match="could not build") as caught:
        workshop.bake()
    assert caught.value.exit_code == 2


@pytest.mark.engine
def test_a_bake_file_that_does_not_parse(workshop: Workshop) -> None:
    (workshop.folder / "bake.hcl").write_text('target "one" {\n')
    with pytest.raises(ConfigError, match=r"could not read the bake file bake\.hcl") as caught:
        workshop.bake()
    assert caught.value.detail


@pytest.mark.engine
def test_the_registry_dies_before_the_push(workshop: Workshop, name: str) -> None:
    workshop.bake(push=False)
    local_registry.down(workshop.docker, name=name)
    with pytest.raises(EngineCallFailed, match="could not build"):
        workshop.bake()


def test_a_bake_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such bake file"):
        Workshop(Docker(), tmp_path, "127.0.0.1:1", "x").bake()


def test_the_override_says_what_only_this_machine_knows(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    definition = {"one": {"context": "src"}, "far": {"context": "https://forge.example/x.git"}}
    plain = Workshop(Docker(), tmp_path, "127.0.0.1:1", "127.0.0.1:1/base@sha256:1").request()
    found = buildx.override(definition, replace(plain, ca_file=Path("/ca")))
    contexts = {FROM: "docker-image://127.0.0.1:1/base@sha256:1"}
    labels = {"morphops.project": "shop"}
    assert found["target"] == {
        "one": {
            "labels": labels,
            "context": str(tmp_path / "src"),
            "contexts": contexts,
            "secret": ["id=ca,src=/ca"],
        },
        "far": {"labels": labels, "contexts": contexts, "secret": ["id=ca,src=/ca"]},
    }
    plain = replace(plain, bases={})
    assert buildx.override({"one": {"context": "src"}}, plain)["target"] == {
        "one": {"labels": labels, "context": str(tmp_path / "src")}
    }
    with pytest.raises(InputError, match="context of one is not there"):
        buildx.override({"one": {"context": "none"}}, plain)
    json.dumps(found)


def test_the_certificates_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "none"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca"))
    (tmp_path / "ca").touch()
    assert buildx.host_ca() == tmp_path / "ca"


def test_a_public_registry_that_does_not_answer() -> None:
    assert buildx.public_registry_answers("127.0.0.1:1") is False
