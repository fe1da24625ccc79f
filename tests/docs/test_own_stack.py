"""docs/tutorial.md: its files are read as ours are. The bundle page names the keys there are."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.invoke_tasks import InvokeTasks
from morphops.core.bundle.schema import Bundle
from morphops.core.env.schema import Variable
from morphops.core.probes.specs import PROBES
from morphops.core.runbook import parse, rules
from morphops.core.runbook.commands import split
from morphops.operations.env import check, init
from morphops.report.console import Reporter
from morphops.site import load_bundle, open_site
from morphops.tasks import ns
from tests import stacks
from tests.paths import ROOT
from tests.results import valid

TASKS = InvokeTasks(ns)
BUNDLE_PAGE = ROOT / "docs/reference/bundle.md"


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
    must = {name for key, must, _ in table if must in ("yes", "derived") for name in names(key)}
    assert must == required(Bundle)
    assert {name for key, must, _ in table if must == "yes" for name in names(key)} == {
        "schema",
        "project",
        "compose",
    }


def test_every_kind_of_probe_with_its_keys() -> None:
    table = {kind.strip("`"): names(keys) for kind, _, keys in rows("Kinds of probes")}
    assert table.keys() == PROBES.keys()
    for kind, keys in table.items():
        own = {f.name for f in dataclasses.fields(PROBES[kind])} - {"kind"}
        assert own <= keys, kind
        assert keys - own <= {
            "name",
            "when",
            "method",
            "params",
            "expect",
            "file",
            "draw",
            "absent",
            "count",
            "row",
        }, kind


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
    assert site.bundle == load_bundle(folder / "ops/bundle.yaml")
    made = valid("env.init", init.init(site))
    assert made["path"] == str(folder / "state/shop.env")
    assert made["left"] == {}
    assert valid("env.check", check.check(site))["state"] == "ok"


def test_its_runbook_has_no_findings(folder: Path) -> None:
    text = (folder / "runbooks/deploy.md").read_text()
    book = parse.parse(text, "deploy", "deploy.md")
    assert rules.check([book], TASKS, {}, ["api", "web"]) == ()


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
