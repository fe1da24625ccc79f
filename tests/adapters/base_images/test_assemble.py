"""Base images: the same bytes each time, whatever the maker of the tar left to chance."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.base_images import assemble
from morphops.adapters.base_images import push as base_images_push
from morphops.adapters.base_images.rootfs import write_layer
from morphops.core.base_images import recipe
from morphops.core.base_images.recipe import Edits, Recipes
from morphops.core.release.digest import digest_of
from morphops.core.release.reference import is_loopback
from morphops.core.schema import parse_mapping
from morphops.errors import (
    ConfigError,
    InputError,
    IntegrityError,
    PreconditionError,
    RegistryError,
)
from tests.paths import OPS

BASES = OPS / "docker" / "bases.yaml"
EPOCH = 1735689600

RECIPES = """
schema: 1
suite: trixie
mirror: http://mirror.example/debian
epoch: 1735689600
packages: [core]
edits: {files: {/etc/passwd: "root:x:0:0::/:/bin/sh\\n"}}
env: {PATH: /usr/bin}
images:
  web:
    replaces: ["web:1@sha256:00"]
    packages: [web]
    env: {LANG: C.UTF-8}
    cmd: [web, --run]
    ports: [80/tcp]
  job:
    packages: [job]
    user: "10001"
"""


def recipes(text: str = RECIPES) -> Recipes:
    return parse_mapping(text, "bases.yaml", Recipes)


def tar_of(path: Path, members: list[tuple[str, Any]], *, mtime: int = 1, owner: str = "") -> Path:
    """A tar of `(name, bytes | "-> target" | "= hard link" | mode of a folder)`."""
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(f"./{name}")
            info.mtime, info.uname = mtime, owner
            data = b""
            if isinstance(content, bytes):
                data, info.size = content, len(content)
            elif isinstance(content, int):
                info.type, info.mode = tarfile.DIRTYPE, content
            elif content.startswith("-> "):
                info.type, info.linkname = tarfile.SYMTYPE, content[3:]
            else:
                info.type, info.linkname = tarfile.LNKTYPE, f"./{content[2:]}"
            tar.addfile(info, io.BytesIO(data))
    return path


TREE: list[tuple[str, Any]] = [
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/bin/tool", b"#!/bin/sh\n"),
    ("usr/bin/also-tool", "= usr/bin/tool"),
    ("bin", "-> usr/bin"),
    ("etc", 0o755),
    ("etc/hostname", b"this-machine\n"),
    ("etc/resolv.conf", b"nameserver 192.0.2.1\n"),
    ("dev", 0o755),
    ("dev/null", b""),
    ("usr/share/doc/tool/copyright", b"MIT\n"),
    ("usr/share/doc/tool/README", b"long\n"),
    ("usr/share/locale/de", b"x"),
    ("var/run", 0o755),
    ("var/run/lock", 0o755),
    ("tmp", 0o1777),
]


def layer(tmp_path: Path, edits: Edits, tree: list[tuple[str, Any]] = TREE) -> tarfile.TarFile:
    tar_of(tmp_path / "in.tar", tree)
    write_layer(tmp_path / "in.tar", tmp_path / "layer", edits, EPOCH)
    return tarfile.open(tmp_path / "layer")


def text_of(tar: tarfile.TarFile, name: str) -> str:
    file = tar.extractfile(name)
    assert file is not None
    return file.read().decode()


# --- the layer


def test_order_times_and_owners_do_not_matter(tmp_path: Path) -> None:
    one = tar_of(tmp_path / "1.tar", TREE, mtime=5, owner="root")
    other = tar_of(tmp_path / "2.tar", sorted(TREE, key=lambda m: str(m[1])), mtime=9)
    first = write_layer(one, tmp_path / "1", Edits(), EPOCH)
    second = write_layer(other, tmp_path / "2", Edits(), EPOCH)
    assert first == second
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_the_layer_is_what_it_says_it_is(tmp_path: Path) -> None:
    big = os.urandom(200_000)
    tar_of(tmp_path / "in.tar", [*TREE, ("big", big)])
    made = write_layer(tmp_path / "in.tar", tmp_path / "layer", Edits(), EPOCH)
    data = (tmp_path / "layer").read_bytes()
    assert made.digest == digest_of(data)
    assert made.size == len(data)
    # gzip checks length and CRC by itself.
    assert made.diff_id == digest_of(gzip.decompress(data))
    with tarfile.open(tmp_path / "layer") as tar:
        names = tar.getnames()
        assert {member.mtime for member in tar} == {EPOCH}
        assert text_of(tar, "usr/bin/tool") == "#!/bin/sh\n"
        assert tar.getmember("usr/bin/also-tool").linkname == "usr/bin/tool"
        assert names.index("usr/bin/also-tool") > names.index("usr/bin/tool")
        assert tar.getmember("tmp").mode == 0o1777
        file = tar.extractfile("big")
        assert file is not None
        assert file.read() == big
    # Nothing of the machine that made it.
    assert not {"etc/hostname", "etc/resolv.conf", "dev/null"} & set(names)


def test_edits(tmp_path: Path) -> None:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pip/__init__.py", "version = 1\n")
        archive.writestr("pip/sub/", "")
    tree = [
        *TREE,
        ("opt/wheels/pip-1.whl", wheel.getvalue()),
        ("opt/certs/b.crt", b"B\n"),
        ("opt/certs/a.crt", b"A"),
    ]
    with layer(
        tmp_path,
        Edits(
            remove=("/usr/share/doc", "/usr/share/locale", "/opt/wheels"),
            keep=("/usr/share/doc/*/copyright",),
            unpack={"/opt/wheels/pip-*.whl": "/usr/lib/site"},
            concat={"/etc/ssl/all.crt": "/opt/certs/*.crt"},
            files={"/etc/app/conf": "on\n", "/usr/bin/run": "#!/bin/sh\n"},
            executable=("/usr/bin/run",),
            links={"/var/run": "/run"},
            folders={"/data": "0750 10001:10002", "/tmp": "1777"},
        ),
        tree,
    ) as tar:
        names = set(tar.getnames())
        assert "usr/share/doc/tool/copyright" in names
        assert not {"usr/share/doc/tool/README", "usr/share/locale", "opt/wheels"} & names
        assert text_of(tar, "usr/lib/site/pip/__init__.py") == "version = 1\n"
        assert text_of(tar, "etc/ssl/all.crt") == "A\nB\n"
        assert text_of(tar, "etc/app/conf") == "on\n"
        assert tar.getmember("usr/bin/run").mode == 0o755
        assert tar.getmember("var/run").issym()
        assert "var/run/lock" not in names
        data = tar.getmember("data")
        assert (data.mode, data.uid, data.gid) == (0o750, 10001, 10002)


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        (Edits(files={"etc/x": ""}), "is absolute"),
        (Edits(files={"/etc/../x": ""}), "is absolute"),
        (Edits(files={"/bin/x": ""}), "/bin is a link"),
        (Edits(unpack={"/none-*.whl": "/x"}), "must match one file, and matches 0"),
        (Edits(links={"/usr/bin": "/x"}), "is a folder with files in it"),
        (Edits(folders={"/x": "rwx"}), "is no `mode"),
        (Edits(remove=("/usr/bin/tool",)), "must stay, /usr/bin/also-tool is a link to it"),
    ],
)
def test_edits_that_do_not_fit(tmp_path: Path, edits: Edits, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        layer(tmp_path, edits)


# --- the recipe and the image's documents


def test_the_recipes_of_this_repository_load() -> None:
    loaded = assemble.load_recipes(BASES)
    assert loaded.epoch == EPOCH
    dockerfiles = "".join(path.read_text() for path in BASES.parent.glob("*.Dockerfile"))
    used = {line.split()[1] for line in dockerfiles.splitlines() if line.startswith("FROM ")}
    public = {reference for reference in used if "@" in reference}
    # Each base that a Dockerfile names can be made where it cannot be pulled.
    assert public
    assert all(loaded.replacing(reference) for reference in public)
    assert loaded.replacing("scratch") == ""


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("user:", "usr:", "images/job/usr"),
        ("schema: 1", "schema: 2", "schema"),
        ("epoch: 1735689600", "epoch: soon", "epoch"),
        ("edits: {files:", "edits: {fils:", "edits/fils"),
    ],
)
def test_a_wrong_recipe_names_its_place(old: str, new: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipes(RECIPES.replace(old, new))
    assert path in caught.value.message()


def test_a_recipe_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: is not there"):
        assemble.load_recipes(tmp_path / "none.yaml")


def test_the_key_is_of_what_decides_the_bytes() -> None:
    key = recipe.key(recipes(), "web", "amd64")
    same = RECIPES.replace("web:1@sha256:00", "web:2@sha256:11").replace(
        "mirror.example", "m.other"
    )
    assert recipe.key(recipes(same), "web", "amd64") == key
    assert (
        recipe.key(recipes(same.replace("packages: [job]", "packages: [x]")), "web", "amd64") == key
    )
    for change in (("[core]", "[core, more]"), ("--run", "--walk"), ("trixie", "forky")):
        assert recipe.key(recipes(RECIPES.replace(*change)), "web", "amd64") != key
    assert recipe.key(recipes(), "web", "arm64") != key


# --- making one

MAKER = """#!/bin/sh
# Stands in for mmdebstrap: the word before the first `deb …` line is the tar to write.
for word in "$@"; do case "$word" in "deb "*) break;; *) target="$word";; esac; done
echo called >> {log}
{body}
"""


@pytest.fixture
def maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "bin"
    folder.mkdir()
    source = tar_of(tmp_path / "rootfs.tar", TREE)
    log = tmp_path / "calls"
    log.touch()

    def write(body: str = f"cp {source} $target") -> Path:
        (folder / "mmdebstrap").write_text(MAKER.format(log=log, body=body))
        (folder / "mmdebstrap").chmod(0o755)
        return log

    write()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(assemble, "KEYRING", str(source))  # only Debian has it from the start
    return write


def test_made_once_then_found(tmp_path: Path, maker: Any) -> None:
    log = maker()
    store = tmp_path / "store"
    said: list[str] = []
    first = assemble.make(recipes(), store=store, say=said.append)
    assert [(image.name, image.fresh) for image in first] == [("web", True), ("job", True)]
    assert said == ["making from packages of trixie: web, job"]
    again = assemble.make(recipes(), store=store, say=said.append)
    assert [image.fresh for image in again] == [False, False]
    assert log.read_text().count("called") == 2
    anew = assemble.make(recipes(), ("web",), store=store, say=said.append, refresh=True)
    assert anew[0].fresh
    assert {i.digest for i in (first[0], again[0], anew[0])} == {first[0].digest}
    elsewhere = assemble.make(recipes(), store=tmp_path / "other", say=said.append)
    assert [i.digest for i in elsewhere] == [i.digest for i in first]
    assert {path.name[0] for path in store.iterdir()} != {"."}
    assert not [path for path in store.iterdir() if path.name.startswith(".")]


def test_the_documents_of_an_image(tmp_path: Path, maker: Any) -> None:
    (image, job) = assemble.make(recipes(), store=tmp_path / "store", say=print)
    data = (image.folder / "manifest").read_bytes()
    assert digest_of(data) == image.digest
    manifest = json.loads(data)
    for part in (manifest["config"], *manifest["layers"]):
        blob = image.blob(part["digest"]).read_bytes()
        assert (digest_of(blob), len(blob)) == (part["digest"], part["size"])
    config = json.loads(image.blob(image.config).read_bytes())
    assert config["config"] == {
        "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"],
        "Cmd": ["web", "--run"],
        "ExposedPorts": {"80/tcp": {}},
    }
    assert "created" not in config
    assert config["rootfs"]["diff_ids"] == [
        digest_of(gzip.decompress(image.blob(image.layers[0]).read_bytes()))
    ]
    assert json.loads(job.blob(job.config).read_bytes())["config"]["User"] == "10001"


def test_what_no_recipe_makes_any_more_is_unused(tmp_path: Path, maker: Any) -> None:
    store = tmp_path / "store"
    assert assemble.unused(recipes(), store) == ()
    before = assemble.make(recipes(), store=store, say=print)
    (store / ".web-x1y2z3a4").mkdir()  # one that is being made
    assert assemble.unused(recipes(), store) == ()
    changed = dataclasses.replace(recipes(), epoch=5)
    assert set(assemble.unused(changed, store)) == {image.folder for image in before}
    after = assemble.make(changed, store=store, say=print)
    assert set(assemble.unused(changed, store)) == {image.folder for image in before}
    assert {image.folder for image in before}.isdisjoint(image.folder for image in after)


@pytest.mark.parametrize(
    ("tag", "whole"),
    [
        ("web:local", "docker.io/library/web:local"),
        ("shop/web:local", "docker.io/shop/web:local"),
        ("127.0.0.1:5000/shop/web:local", "127.0.0.1:5000/shop/web:local"),
        ("localhost/web:local", "localhost/web:local"),
    ],
)
def test_what_docker_load_reads(tmp_path: Path, maker: Any, tag: str, whole: str) -> None:
    (image,) = assemble.make(recipes(), ("web",), store=tmp_path / "store", say=print)
    stream = io.BytesIO(b"".join(assemble.archive(image, tag)))
    with tarfile.open(fileobj=stream) as tar:
        (kept,) = json.loads(text_of(tar, "index.json"))["manifests"]
        assert kept["annotations"] == {"io.containerd.image.name": whole}
        manifest = text_of(tar, f"blobs/{kept['digest'].replace(':', '/')}").encode()
        assert (digest_of(manifest), len(manifest)) == (image.digest, kept["size"])
        (entry,) = json.loads(text_of(tar, "manifest.json"))
        assert entry["RepoTags"] == [tag]
        assert digest_of(text_of(tar, entry["Config"]).encode()) == image.config
        blob = tar.extractfile(entry["Layers"][0])
        assert blob is not None
        assert digest_of(blob.read()) == image.layers[0]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, maker: Any) -> None:
    maker("echo E: no such package >&2; exit 100")
    store = tmp_path / "store"
    with pytest.raises(PreconditionError, match="could not make the base image web") as caught:
        assemble.make(recipes(), ("web",), store=store, say=print)
    assert caught.value.detail == ("E: no such package",)
    assert list(store.iterdir()) == []


@pytest.mark.parametrize("body", ["echo rubbish > $target", "true", "mkdir $target"])
def test_a_maker_that_makes_no_tar(tmp_path: Path, maker: Any, body: str) -> None:
    maker(body)
    store = tmp_path / "store"
    with pytest.raises(PreconditionError, match="could not make the base image web"):
        assemble.make(recipes(), ("web",), store=store, say=print)
    assert list(store.iterdir()) == []


def test_edits_that_do_not_fit_name_the_image(tmp_path: Path, maker: Any) -> None:
    wrong = RECIPES.replace("/etc/passwd", "etc/passwd")
    with pytest.raises(ConfigError, match="base image web: edits: 'etc/passwd'"):
        assemble.make(recipes(wrong), ("web",), store=tmp_path / "store", say=print)
    assert list((tmp_path / "store").iterdir()) == []


def test_an_unknown_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no base image 'db' \(there are: web, job\)"):
        assemble.make(recipes(), ("db",), store=tmp_path, say=print)


def test_without_the_maker_and_without_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PreconditionError, match="only root can install mmdebstrap"):
        assemble.make(recipes(), store=tmp_path / "store", say=print)


def test_a_store_that_cannot_be_made(tmp_path: Path, maker: Any) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PreconditionError, match="cannot be made") as caught:
        assemble.make(recipes(), store=tmp_path / "file" / "store", say=print)
    assert "MORPHOPS_STATE" in caught.value.hint


# --- pushing it


class FakeRegistry(BaseHTTPRequestHandler):
    """As much of the distribution API as a push needs."""

    blobs: dict[str, bytes]
    manifests: dict[str, bytes]
    refuse: int

    def do_HEAD(self) -> None:
        kind, name = self.path.split("/")[-2:]
        self._answer(200 if name in getattr(self, kind) else 404)

    def do_POST(self) -> None:
        self._answer(self.refuse or 202, {"Location": "/v2/shop/base/blobs/uploads/1?_state=a"})

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if "/uploads/" in self.path:
            assert "?_state=a&digest=" in self.path
            digest = self.path.partition("digest=")[2]
            if digest_of(data) != digest:
                self._answer(400, body=b'{"errors":[{"code":"DIGEST_INVALID"}]}')
                return
            self.blobs[digest] = data
        else:
            self.manifests[self.path.rpartition("/")[2]] = data
            self.manifests[digest_of(data)] = data
        self._answer(201)

    def _answer(self, code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[tuple[str, type[FakeRegistry]]]:
    class Registry(FakeRegistry):
        blobs: dict[str, bytes] = {}  # noqa: RUF012 - one class for each test
        manifests: dict[str, bytes] = {}  # noqa: RUF012
        refuse = 0

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", Registry
    server.shutdown()
    server.server_close()


def test_push_sends_what_is_not_there(
    tmp_path: Path,
    maker: Any,
    registry: tuple[str, type[FakeRegistry]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # must not be asked
    address, served = registry
    images = assemble.make(recipes(), store=tmp_path / "store", say=print)
    said: list[str] = []

    def push(image: assemble.BaseImage) -> str:
        return str(
            base_images_push.push(image, registry=address, repository="shop/base", say=said.append)
        )

    assert push(images[0]) == f"{address}/shop/base@{images[0].digest}"
    assert served.manifests[images[0].digest] == (images[0].folder / "manifest").read_bytes()
    assert served.manifests[images[0].digest[7:19]]  # a tag keeps it
    assert len(said) == 2
    push(images[0])
    assert len(said) == 2
    # The other image has the same files here, so only its configuration is new.
    push(images[1])
    assert len(said) == 3
    assert hashlib.sha256(served.blobs[images[1].config]).hexdigest() == images[1].config[7:]


def test_push_of_a_damaged_blob(
    tmp_path: Path, maker: Any, registry: tuple[str, type[FakeRegistry]]
) -> None:
    (image,) = assemble.make(recipes(), ("web",), store=tmp_path / "store", say=print)
    image.blob(image.layers[0]).write_bytes(b"other")
    with pytest.raises(IntegrityError, match="damaged") as caught:
        base_images_push.push(image, registry=registry[0], repository="shop/base", say=print)
    assert "--refresh" in caught.value.hint


def test_push_that_is_refused(
    tmp_path: Path, maker: Any, registry: tuple[str, type[FakeRegistry]]
) -> None:
    (image,) = assemble.make(recipes(), ("web",), store=tmp_path / "store", say=print)
    registry[1].refuse = 401
    with pytest.raises(RegistryError, match="HTTP 401"):
        base_images_push.push(image, registry=registry[0], repository="shop/base", say=print)


def test_push_to_nobody(tmp_path: Path, maker: Any) -> None:
    (image,) = assemble.make(recipes(), ("web",), store=tmp_path / "store", say=print)
    with pytest.raises(RegistryError, match="could not push") as caught:
        base_images_push.push(image, registry="127.0.0.1:1", repository="shop/base", say=print)
    assert caught.value.hint == "inv registry.up"


@pytest.mark.parametrize(
    ("registry_name", "local"),
    [
        ("127.0.0.1:5000", True),
        ("127.3.2.1", True),
        ("localhost:5000", True),
        ("localhost", True),
        ("[::1]:5000", True),
        ("registry.example:5000", False),
        ("10.0.0.1:5000", False),
    ],
)
def test_loopback(registry_name: str, local: bool) -> None:
    assert is_loopback(registry_name) is local
