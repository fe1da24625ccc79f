"""YAML → bundle: each mistake is named with its file and path."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphops import config
from morphops.app.quickstart import Quickstart
from morphops.errors import ConfigError

ROOT = Path(__file__).parents[1]
GOOD = (ROOT / "tests" / "stack" / "bundle.yaml").read_text()


@pytest.mark.parametrize("folder", [ROOT / "ops", ROOT / "tests" / "stack"])
def test_the_bundles_of_this_repository_are_right(folder: Path) -> None:
    bundle = config.load_bundle(folder / "bundle.yaml")
    assert all((folder / name).is_file() for name in bundle.files())
    schema = folder / bundle.env.schema
    assert config.parse_env_schema(schema.read_text(), str(schema)).variables


def test_the_quickstart_is_right() -> None:
    path = ROOT / "ops" / "quickstart.yaml"
    recipe = config.parse_mapping(path.read_text(), str(path), Quickstart)
    assert [question.name for question in recipe.ask.questions] == ["balance", "nonce", "code"]


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("checks: [data]", "chekcs: [data]", "b.yaml: chekcs: unknown key"),
        ("deadline: 10, probes: [pair]", "dedline: 10", "b.yaml: waves/0/dedline: unknown key"),
        ("repository: morphops-test/pair,", "", "b.yaml: images/pair/repository: is missing"),
        ("project: morphops-test", "project: Shop!", "b.yaml: project: a-z, 0-9"),
        ("schema: 1", "schema: 2", "b.yaml: schema: input should be 1"),
        ("checks: [data]", "checks: [date]", "b.yaml: checks/0: no such probe 'date'"),
        ("checks: [data]", "checks: [pair]", "b.yaml: checks/0: 'pair' needs running services"),
        ("probes: [pair]}", "probes: [par]}", "b.yaml: waves/0/probes/0: no such probe 'par'"),
        ("[front, extra]", "[front, a]", "b.yaml: waves/1/services/1: a is in wave 0 already"),
        ("FRONT_IMAGE", "PAIR_IMAGE", "b.yaml: images/front/variable: already that of 'pair'"),
        ("kind: agree", "kind: agre", "b.yaml: probes/pair/kind: must be one of checksum, same"),
        ("at_least: 3", "at_lest: 3", "b.yaml: probes/answers/at_lest: unknown key"),
        ("rows: rows", "rows: '['", "b.yaml: probes/answers/rows: no JMESPath expression"),
        ("document: data, file", "document: x, file", "probes/data/document: no such document"),
        ("service: front", "service: web", "b.yaml: probes/answers/services: 'web' is in no wave"),
        ("show: [epoch]", "show: [era]", "b.yaml: probes/pair/show: 'era' is none of the fields"),
        ("schema: 1", "schema: 1\nschema: 1", "b.yaml:4: schema: stands here a second time"),
        ("schema: 1", "schema: [", "b.yaml:"),
    ],
)
def test_each_mistake_is_named(was: str, becomes: str, says: str) -> None:
    assert was in GOOD
    with pytest.raises(ConfigError) as caught:
        config.parse_bundle(GOOD.replace(was, becomes, 1), "b.yaml")
    assert says in caught.value.message()


@pytest.mark.parametrize("text", ["", "- a\n", "just text"])
def test_what_is_no_mapping(text: str) -> None:
    with pytest.raises(ConfigError, match="must be a mapping"):
        config.parse_bundle(text, "b.yaml")


def test_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such bundle"):
        config.load_bundle(tmp_path / "bundle.yaml")


def test_a_schema_names_only_variables_it_has() -> None:
    text = "schema: 1\nvariables: {A: {about: x, same_as: B}, C: {about: y, pattern: '('}}"
    with pytest.raises(ConfigError) as caught:
        config.parse_env_schema(text, "s.yaml")
    assert "variables/A/same_as: no such variable 'B'" in caught.value.message()
    assert "variables/C/pattern:" in caught.value.message()
