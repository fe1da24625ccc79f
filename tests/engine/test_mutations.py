"""Every artifact, broken in every way that we could think of: each is found, at its line.

Needs the docker client with Compose and Buildx, and no engine. The table stands in mutations.yaml.
"""

from __future__ import annotations

import copy
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from morphops.adapters.docker import compose_config
from morphops.adapters.docker.client import Docker
from morphops.core.checks import interpolation
from morphops.core.env import dotenv
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from morphops.operations.bundle import check
from morphops.report.console import Reporter
from morphops.site import open_site
from tests.paths import ROOT

pytestmark = pytest.mark.engine

Row: TypeAlias = dict[str, Any]
BUNDLE = "ops/bundle.yaml"
MUTATIONS = yaml.safe_load((Path(__file__).parent / "mutations.yaml").read_text())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts without the sources of the services, which nothing here reads."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "ops", folder / "ops", ignore=shutil.ignore_patterns("services"))
    (folder / "ops" / "services").mkdir()  # a build context has to be there
    shutil.copytree(ROOT / "runbooks", folder / "runbooks")
    for name in ("tasks.py", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module", autouse=True)
def _compose_is_asked_once() -> Iterator[None]:
    """Most of the table leaves alone what a rendering depends on; Compose would say the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compose_config, "rendered", once(compose_config.rendered))
        yield


def once(render: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """A rendering that is made once for the same contents, values and profiles.

    That a variable is missing depends on the files that require it, and on nothing else.
    """
    made: dict[Any, dict[str, Any]] = {}
    missing: dict[Any, ConfigError] = {}

    def rendered(
        docker: Docker,
        files: Sequence[Path],
        *,
        env_file: Path,
        profiles: Sequence[str],
        **rest: Any,
    ) -> dict[str, Any]:
        texts = tuple(file.read_text() for file in files)
        values = dotenv.parse(env_file.read_text(), "values.env").values
        given = (tuple(files), env_file.read_text(), tuple(profiles))
        absent = frozenset(
            (use.name, use.operator, use.word)
            for text in texts
            for use in _uses(text)
            if use.operator.endswith("?") and not values.get(use.name)
        )
        lacks = (absent, tuple(files), tuple(profiles))
        if lacks in missing:
            raise missing[lacks]
        if (texts, given) not in made:
            try:
                made[texts, given] = render(
                    docker, files, env_file=env_file, profiles=profiles, **rest
                )
            except ConfigError as err:
                if "required variable" in " ".join(err.detail):
                    missing[lacks] = err
                raise
        return copy.deepcopy(made[texts, given])

    return rendered


@functools.cache
def _uses(text: str) -> tuple[interpolation.Use, ...]:
    return tuple(interpolation.uses(YamlText("compose.yaml", text)))


@pytest.fixture
def mutated(project: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The project with one file changed, and as it was afterwards."""
    row = request.param
    path = project / row["file"]
    text = path.read_text()
    try:
        if row.get("removed"):
            path.unlink()
        else:
            assert row["was"] in text
            path.write_text(text.replace(row["was"], row["becomes"], 1))
        yield project
    finally:
        path.write_text(text)


def place(project: Path, row: Row) -> str:
    """`file:line:` of the first line of a row's `at`, or `file:` where `at` is a file's name."""
    file, mark = row["file"], row["at"]
    other, _, rest = mark.partition(":")
    if (project / other).is_file() and rest:
        file, mark = other, rest
    text = (project / file).read_text() if (project / file).is_file() else ""
    if mark not in text:
        return f"{mark}:"
    return f"{file}:{text[: text.index(mark)].count(chr(10)) + 1}:"


def findings(project: Path) -> list[str]:
    try:
        site = open_site(Reporter(True), {**os.environ, "MORPHOPS_BUNDLE": str(project / BUNDLE)})
    except ConfigError as err:
        return list(err.detail or (err.what,))
    return [str(finding) for finding in check.findings(site)]


def test_what_is_not_broken_has_no_findings(project: Path) -> None:
    assert findings(project) == []


@pytest.mark.parametrize(
    "mutated", MUTATIONS, indirect=True, ids=[f"{row['file']}: {row['says']}" for row in MUTATIONS]
)
def test_each_is_found_at_its_line(mutated: Path, request: pytest.FixtureRequest) -> None:
    row = request.node.callspec.params["mutated"]
    where = place(mutated, row)
    found = findings(mutated)
    assert any(where in line and row["says"] in line.partition(where)[2] for line in found), found
    assert all("; " in line for line in found), "each has a remedy"


@pytest.mark.parametrize(
    "file",
    [
        BUNDLE,
        "ops/README.md",
        "ops/quickstart.yaml",
        "ops/compose/compose.yaml",
        "ops/env/schema.yaml",
        "ops/env/server-a.env.example",
        "ops/docker/bases.yaml",
        "ops/docker/docker-bake.hcl",
        "ops/docker/server.Dockerfile",
        "runbooks/deploy.md",
        "README.md",  # a runbook links to it
    ],
)
def test_what_is_no_text_is_named_with_its_line(project: Path, file: str) -> None:
    path, book = project / file, project / "runbooks" / "deploy.md"
    before = {path: path.read_bytes(), book: book.read_bytes()}
    lines = before[path].count(b"\n")
    try:
        book.write_text(book.read_text() + "\nSee [how it began](../README.md#morphops).\n")
        path.write_bytes(before[path] + b"# caf\xe9\n")
        found = findings(project)
    finally:
        for there, content in before.items():
            there.write_bytes(content)
    assert any(f"{file}:{lines + 1}: is not UTF-8" in line for line in found), found


def test_the_table_is_long_enough() -> None:
    assert len({(row["file"], row.get("becomes")) for row in MUTATIONS}) >= 30


@pytest.mark.parametrize(
    ("mutated", "options"),
    [(MUTATIONS[8], ()), (MUTATIONS[-1], ("--json",))],
    indirect=["mutated"],
    ids="ab",
)
def test_the_task_fails_with_them(mutated: Path, options: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "invoke", "bundle.check", *options]
    done = subprocess.run(command, cwd=mutated, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    if not options:
        assert "finding" in done.stdout
        return
    view = json.loads(done.stdout)
    assert view["exit"] == 2
    assert {"file", "line", "what", "remedy", "rule"} <= view["findings"][0].keys()
