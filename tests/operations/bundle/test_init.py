"""`bundle.init` on compose files as they are found: no file is edited, and the bundle is whole."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from morphops.core.bundle.parse import parse_bundle
from morphops.core.env import dotenv
from morphops.core.results.bundle import BundleInit
from morphops.errors import ConfigError, InputError
from morphops.operations.bundle import init, show
from morphops.operations.env import check
from morphops.operations.env.schema import read_schema
from morphops.operations.release.create import working_files
from morphops.report import bundle as report
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests.fakes import Recorder
from tests.results import valid
from tests.samples import shapes


@dataclass(frozen=True)
class Understood:
    """What is to be understood of a shape."""

    waves: list[list[str]]
    sources: dict[str, str] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    jobs: set[str] = field(default_factory=set)


SHAPES = {
    "literal-images": Understood(
        [["db", "cache"], ["web"]],
        {"web": "nginx:1.27", "db": "postgres:16", "cache": f"redis@sha256:{'1' * 64}"},
    ),
    "no-health-check": Understood(
        [["app", "cache"]], {"app": "ghcr.io/example/app", "cache": "redis:latest"}
    ),
    "relative-binds": Understood(
        [["proxy", "db"]],
        {"proxy": "nginx:1.27", "db": "postgres:16"},
        {"carries": ("nginx.conf", "html", "conf/postgresql.conf"), "data": ("logs", "data")},
    ),
    "depends-list": Understood(
        [["cache", "db"], ["api"], ["web"]],
        {
            "web": "example/web:1",
            "api": "example/api:1",
            "cache": "redis:7",
            "db": "postgres:16",
        },
    ),
    "open-ports": Understood(
        [["web", "admin"]], {"web": "example/web:1", "admin": "example/admin:1"}
    ),
    "passwords": Understood(
        [["db"], ["app"]],
        {"db": "mysql:8", "app": "example/app:1"},
        secrets={"SECRET_KEY_BASE", "MAIL_TOKEN"},
    ),
    "env-file": Understood(
        [["app"]],
        {"app": "example/app:3.2"},
        {
            "carries": ("settings.env",),
            "values": {".env": ("APP_TAG", "GREETING", "DB_PASSWORD")},
        },
        secrets={"DB_PASSWORD"},
    ),
    "build": Understood([["web", "worker", "again"]], beside={"leaves": (".", "worker")}),
    "anonymous-volumes": Understood([["app"]], {"app": "example/app:1"}),
    "container-name": Understood([["app"]], {"app": "docker.io/example/app:1"}),
    "network-mode": Understood(
        [["vpn", "agent"], ["torrent"]],
        {
            "torrent": "example/torrent:1",
            "vpn": "example/vpn:1",
            "agent": "example/agent:1",
        },
    ),
    "anchors": Understood([["web", "worker"]], {"web": "example/app:2"}),
    "migration": Understood(
        [["db"], ["migrate"], ["worker"], ["web"]],
        {"db": "postgres:16", "web": "example/app:1"},
        secrets={"DB_PASSWORD"},
        jobs={"migrate"},
    ),
}


def environ(tmp_path: Path) -> dict[str, str]:
    return {"MORPHOPS_STATE": str(tmp_path / "state")}


def made(folder: Path, *named: str, **more: str) -> BundleInit:
    found = init.init(Recorder(), folder, named, environ(folder.parent) | more)
    valid("bundle.init", found)
    return found


def opened(folder: Path) -> Site:
    own = {"MORPHOPS_BUNDLE": str(folder / "bundle.yaml")}
    return open_site(Recorder(), environ(folder.parent) | own)


def test_every_shape_is_in_the_table() -> None:
    assert set(SHAPES) == set(shapes.NAMES)


@pytest.mark.parametrize("name", shapes.NAMES)
def test_a_shape_is_understood(name: str, tmp_path: Path) -> None:
    folder, wanted = shapes.copy(name, tmp_path), SHAPES[name]
    before = shapes.contents(folder)
    first = made(folder)
    assert first.state == "made"
    after = shapes.contents(folder)
    text = after.pop("bundle.yaml").decode()
    assert after == before
    assert len(text.splitlines()) == 3

    site = opened(folder)
    bundle = site.bundle
    assert [list(wave.services) for wave in bundle.waves] == wanted.waves
    assert {n: i.source for n, i in bundle.images.items() if i.source} == wanted.sources
    beside = {key: getattr(bundle.compose, key) for key in ("carries", "data", "leaves", "values")}
    assert {key: value for key, value in beside.items() if value} == wanted.beside
    assert set(bundle.jobs) == wanted.jobs
    view = show.show(site)
    valid("bundle.show", view)
    schema = read_schema(site)
    assert {n for n, v in schema.variables.items() if v.secret} == wanted.secrets
    assert set(view.variables) == set(schema.variables)

    assert made(folder).state == "as before"
    assert shapes.contents(folder) == {**before, "bundle.yaml": text.encode()}


@pytest.mark.parametrize("name", shapes.NAMES)
def test_the_env_file_of_a_shape_is_right(name: str, tmp_path: Path) -> None:
    folder = shapes.copy(name, tmp_path)
    found = made(folder)
    path = Path(found.env_file)
    assert path.parent == tmp_path / "state"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert check.check(opened(folder)).state == "ok"


APP = "services: {app: {image: app:1}}\n"


def place(tmp_path: Path, **files: str) -> Path:
    """A folder `shop` with files; of a name `__` is a dot, and `_` at its beginning too."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (["compose.yaml", "docker-compose.yml"], ("compose.yaml",)),
        (["docker-compose.yml", "docker-compose.yaml"], ("docker-compose.yml",)),
        (["docker-compose.yaml"], ("docker-compose.yaml",)),
        (["compose.yml", "compose.override.yaml"], ("compose.yml", "compose.override.yaml")),
        (
            ["docker-compose.yml", "docker-compose.override.yml", "docker-compose.prod.yml"],
            ("docker-compose.yml", "docker-compose.override.yml"),
        ),
    ],
)
def test_compose_files_are_found_as_compose_does(
    there: list[str], wanted: tuple[str, ...], tmp_path: Path
) -> None:
    folder = place(tmp_path)
    for name in there:
        (folder / name).write_text(APP)
    assert made(folder).compose == wanted


def test_they_are_found_from_a_folder_below(tmp_path: Path) -> None:
    folder = place(tmp_path, compose__yaml=APP)
    below = folder / "src"
    below.mkdir()
    found = init.init(Recorder(), below, (), environ(tmp_path))
    assert (found.compose, found.project) == (("compose.yaml",), "shop")
    assert (folder / "bundle.yaml").is_file()


@pytest.mark.parametrize(
    ("named", "variables", "dotenv_text"),
    [
        (("a.yaml", "b.yaml"), {}, ""),
        (("a.yaml:b.yaml",), {}, ""),
        ((), {"COMPOSE_FILE": "a.yaml:b.yaml"}, ""),
        ((), {}, "COMPOSE_FILE=a.yaml:b.yaml\n"),
    ],
)
def test_they_may_be_named(
    named: tuple[str, ...], variables: dict[str, str], dotenv_text: str, tmp_path: Path
) -> None:
    folder = place(
        tmp_path, a__yaml=APP, b__yaml="services: {app: {image: b:2}}", __env=dotenv_text
    )
    found = made(folder, *named, **variables)
    assert found.compose == ("a.yaml", "b.yaml")
    assert found.services[0].image == "b:2"


@pytest.mark.parametrize(
    ("compose", "variables", "wanted"),
    [
        (APP, {}, "shop"),
        (f"name: other\n{APP}", {}, "other"),
        (f"name: ${{NAME:-third}}\n{APP}", {}, "third"),
        (APP, {"COMPOSE_PROJECT_NAME": "fourth"}, "fourth"),
    ],
)
def test_the_project_is_called_as_compose_calls_it(
    compose: str, variables: dict[str, str], wanted: str, tmp_path: Path
) -> None:
    assert made(place(tmp_path, compose__yaml=compose), **variables).project == wanted


def test_a_folders_name_is_made_one_of_a_project(tmp_path: Path) -> None:
    folder = tmp_path / "_My Shop.v2"
    folder.mkdir()
    (folder / "compose.yaml").write_text(APP)
    assert made(folder).project == "myshopv2"


def refused(kind: type[InputError | ConfigError], folder: Path, *named: str) -> Any:
    with pytest.raises(kind) as caught:
        made(folder, *named)
    assert not (folder.parent / "state").exists()
    return caught.value


def test_without_a_compose_file_nothing_is_made(tmp_path: Path) -> None:
    folder = place(tmp_path)
    err = refused(InputError, folder)
    assert "there is no compose.yaml, compose.yml" in err.what
    assert "there is no such compose file" in refused(InputError, folder, "gone.yaml").what
    assert list(folder.iterdir()) == []


def test_another_bundle_is_not_written_over(tmp_path: Path) -> None:
    text = "schema: 1\nproject: shop\ncompose: other.yaml\n"
    folder = place(tmp_path, compose__yaml=APP, bundle__yaml=text)
    err = refused(InputError, folder)
    assert "bundle.yaml is there already, and names other.yaml" in err.what
    assert (folder / "bundle.yaml").read_text() == text


def test_a_second_bundle_beside_ops_is_not_written(tmp_path: Path) -> None:
    folder = place(tmp_path, compose__yaml=APP)
    (folder / "ops").mkdir()
    (folder / "ops/bundle.yaml").write_text("schema: 1\nproject: shop\n")
    assert "each command here reads that one" in refused(InputError, folder).what


def test_a_compose_file_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = place(tmp_path, compose__yaml=APP)
    (tmp_path / "base.yaml").write_text(APP)
    assert "lies outside of" in refused(InputError, folder, "compose.yaml", "../base.yaml").what


def test_what_cannot_be_released_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = place(tmp_path, compose__yaml="services:\n  app: {ports: ['80:80']}\n")
    err = refused(ConfigError, folder)
    assert err.what == "compose.yaml:2: app has neither image nor build"
    assert not (folder / "bundle.yaml").exists()


VALUES = """\
services:
  app:
    image: app:1
    command: ${LINK} ${LEVEL:-info} ${KEPT:-x} ${SHORT}
    environment: {DB_PASSWORD: "${DB_PASSWORD:?no}", API_KEY: "${API_KEY:?no}"}
"""


def test_values_that_plain_compose_has_are_taken_and_others_are_made(tmp_path: Path) -> None:
    dotenv_text = "LINK=http://u:p4ss@x/\nLEVEL=debug\nKEPT=x\nOTHER=1\nBASE=b\nSHORT=${BASE}c\n"
    folder = place(tmp_path, compose__yaml=VALUES, __env=dotenv_text)
    found = made(folder)
    assert found.taken == ("LINK", "LEVEL", "SHORT")
    assert found.generated == ("DB_PASSWORD",)
    assert list(found.left) == ["API_KEY"]
    assert found.next[0] == "morphops env.edit"
    values = dotenv.parse(Path(found.env_file).read_text(), "x").values
    assert (values["LINK"], values["LEVEL"], values["SHORT"]) == ("http://u:p4ss@x/", "debug", "bc")
    assert len(values["DB_PASSWORD"]) == 64
    assert "KEPT" not in values
    # Only its value says that it is a secret, so the bundle does from now on.
    assert "LINK: {secret: true}" in (folder / "bundle.yaml").read_text()
    assert read_schema(opened(folder)).variables["LINK"].secret
    assert list(made(folder).left) == ["API_KEY"]


def test_two_files_with_other_values_are_refused_without_a_value(tmp_path: Path) -> None:
    text = "services: {app: {image: app:1, env_file: app.env, command: $DB_PASSWORD}}"
    folder = place(
        tmp_path, compose__yaml=text, __env="DB_PASSWORD=one1\n", app__env="DB_PASSWORD=two2\n"
    )
    err = refused(InputError, folder)
    assert err.what == "DB_PASSWORD has one value in .env and another one in app.env"
    assert "one1" not in str(err)
    assert not (folder / "bundle.yaml").exists()


def test_a_line_that_has_two_meanings_is_not_taken(tmp_path: Path) -> None:
    text = "services: {app: {image: app:1, command: $PATTERN}}"
    folder = place(tmp_path, compose__yaml=text, __env="PATTERN='a\\\\b'\n")
    found = made(folder)
    assert found.taken == ()
    assert "read in more than one way: PATTERN" in found.notes[0]


def test_an_env_file_that_is_there_stays(tmp_path: Path) -> None:
    folder = place(tmp_path, compose__yaml=VALUES)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    path = state / "shop.env"
    path.touch(mode=0o600)
    path.write_text("DB_PASSWORD=mine\nAPI_KEY=CHANGE_ME\n")
    found = made(folder)
    assert (found.state, found.generated, found.taken) == ("made", (), ())
    assert list(found.left) == ["API_KEY"]
    assert path.read_text() == "DB_PASSWORD=mine\nAPI_KEY=CHANGE_ME\n"


def test_a_release_carries_the_whole_bundle_and_the_env_schema(tmp_path: Path) -> None:
    folder = shapes.copy("migration", tmp_path)
    made(folder)
    site = opened(folder)
    files = working_files(site)
    assert set(files) >= {"bundle.yaml", "env/schema.yaml", "compose.yaml"}
    assert parse_bundle(files["bundle.yaml"].decode(), "release") == site.bundle
    assert files["compose.yaml"] == (folder / "compose.yaml").read_bytes()
    assert not (folder / "env").exists()


def test_what_people_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shapes.copy("passwords", tmp_path)
    (folder / "tasks.py").write_text("from morphops.tasks import ns\n")
    report.bundle_init(Reporter(), made(folder))
    shown = capsys.readouterr().out
    assert shown.startswith("bundle.yaml: made; project passwords\n")
    assert "service  wave  kind     health check  image\n" in shown
    assert "app      2     service  -             example/app:1\n" in shown
    assert "  fresh: SECRET_KEY_BASE\n" in shown
    assert "compose.yaml:2: db: MYSQL_ROOT_PASSWORD stands in the file" in shown
    assert "app: DATABASE_URL stands in the file" in shown
    assert "hunter2" not in shown
    assert "next:\n  inv registry.up\n  inv release.create\n" in shown
