"""docs/tutorial.md: its files are read as ours are. The bundle page names the keys there are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from morphops import config, runbook_reader, runbook_rules
from morphops.app import environment
from morphops.app.site import open_site
from morphops.bundle import PROBES, Bundle
from morphops.catalogue import Catalogue, split
from morphops.envschema import Variable
from morphops.report.console import Reporter
from morphops.tasks import ns
from tests import stacks

TASKS = Catalogue(ns)
BUNDLE_PAGE = Path(__file__).parents[1] / "docs/reference/bundle.md"


def rows(heading: str) -> list[list[str]]:
    """The cells of the rows of the table below a heading."""
    section = BUNDLE_PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    assert lines
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", cell))


def required(kind: Any) -> set[str]:
    return {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }


def test_the_bundles_keys() -> None:
    table = rows("The bundle's keys")
    keys = [name for key, _, _ in table for name in re.findall(r"`(\w+)`", key)]
    assert set(keys) == {f.name for f in dataclasses.fields(Bundle)}
    assert len(keys) == len(set(keys))
    must = {name for key, must, _ in table if must == "yes" for name in names(key)}
    assert must == required(Bundle)


def test_every_kind_of_probe_with_its_keys() -> None:
    table = {kind.strip("`"): names(keys) for kind, _, keys in rows("Kinds of probes")}
    assert table.keys() == PROBES.keys()
    for kind, keys in table.items():
        own = {f.name for f in dataclasses.fields(PROBES[kind])} - {"kind"}
        assert own <= keys, kind
        assert keys - own <= {"name", "when", "method", "params", "expect"}, kind


def test_the_env_schemas_keys() -> None:
    keys = {name for key, _ in rows("The env schema's keys") for name in names(key)}
    assert keys == {f.name for f in dataclasses.fields(Variable)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stacks.own_stack(tmp_path)
    return tmp_path


def test_its_files_are_read_and_an_env_file_is_made_of_them(folder: Path) -> None:
    environ = {
        "MORPHOPS_BUNDLE": str(folder / "ops/bundle.yaml"),
        "MORPHOPS_STATE": str(folder / "state"),
    }
    site = open_site(Reporter(True), environ)
    assert site.bundle == config.load_bundle(folder / "ops/bundle.yaml")
    made = environment.init(site)
    assert made["path"] == str(folder / "state/shop.env")
    assert made["left"] == {}
    assert environment.check(site)["state"] == "ok"


def test_its_runbook_has_no_findings(folder: Path) -> None:
    text = (folder / "runbooks/deploy.md").read_text()
    book = runbook_reader.parse(text, "deploy", "deploy.md")
    assert runbook_rules.check([book], TASKS, {}, ["api", "web"]) == ()


def test_its_order_is_one_of_tasks() -> None:
    text = stacks.OWN_STACK.read_text()
    (order,) = re.findall(r"```sh \{order\}\n(.*?)```", text, re.DOTALL)
    tasks = [TASKS.read(split(line)).task for line in order.splitlines()]
    assert tasks == [
        "env.template",
        "bundle.check",
        "env.init",
        "registry.up",
        "release.create",
        "deploy",
    ]
