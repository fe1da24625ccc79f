"""What `inv bundle.check` says of a bake file, as Buildx prints it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker import compose_config
from morphops.core.bundle.schema import ImageSpec
from morphops.core.checks import bake_rules, dockerfile_rules
from morphops.core.checks.bake_file import Bake
from morphops.core.yaml_text import YamlText
from morphops.errors import EngineUnavailable
from morphops.operations.bundle import check
from morphops.report.console import Reporter
from morphops.site import open_site
from tests.paths import ROOT

HEX = "a" * 64
BAKE = Bake(
    "docker/bake.hcl",
    """\
group "default" { targets = ["api"] }
target "base" {
  context = "services"
}
target "api" {
  context    = "services"
  dockerfile-inline = <<EOF
  FROM x:1
  USER 0
EOF
  args = {
    A = "1"
  }
  target = "x"
}
target "end" { context = "." }
""",
)


def said(target: dict[str, Any]) -> list[str]:
    found = bake_rules.check(
        BAKE, "api", target, secrets={"OWN"}, is_folder=lambda folder: folder in (".", "services")
    )
    return [str(finding) for finding in found]


@pytest.mark.parametrize(
    "target",
    [
        {},
        {"context": "services"},
        {"context": "cwd://services"},
        {"contexts": {"x": f"docker-image://x:1@sha256:{HEX}"}},
        {"contexts": {"x": "target:base", "y": "services", "z": f"oci-layout://z@sha256:{HEX}"}},
        {"args": {"A": "1", "TOKEN": "", "API_KEY": None, "TOKENS": "3", "TOKEN_TTL": "30"}},
        {"args": {"PASSWORD_FILE": "/run/secrets/x", "USE_TOKEN": "abc"}},
    ],
)
def test_a_target_with_nothing_wrong(target: dict[str, Any]) -> None:
    assert said(target) == []


@pytest.mark.parametrize(
    ("target", "line", "says"),
    [
        ({"context": "service"}, 6, "its context service is not a folder"),
        ({"context": "https://forge.example/x.git#main"}, 6, "builds from forge.example, which"),
        ({"context": "https://me:hunter2@forge.example/x.git"}, 6, "builds from forge.example,"),
        ({"context": "https://forge.example/x?hunter2"}, 6, "builds from forge.example, which"),
        ({"context": "git@forge.example:x/y.git"}, 6, "builds from forge.example, which"),
        ({"context": "ssh://hunter2@forge.example:22/y"}, 6, "builds from forge.example, which"),
        ({"context": "github.com/x/y"}, 6, "builds from github.com, which"),
        ({"contexts": {"x": "docker-image://x:1"}}, 5, "context x: x:1 may be another image"),
        ({"contexts": {"x": "https://hunter2@a.example/"}}, 5, "context x is a.example, which"),
        ({"args": {"API_TOKEN": "hunter2"}}, 11, "the argument API_TOKEN stays in the image's"),
        ({"args": {"OWN": "hunter2"}}, 11, "the argument OWN stays in the image's history"),
    ],
)
def test_what_is_wrong_with_a_target(target: dict[str, Any], line: int, says: str) -> None:
    (found,) = said(target)
    assert found.startswith(f"docker/bake.hcl:{line}: target api: {says}")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("wanted", "text", "says"),
    [
        ("", "FROM a", ""),
        ("Final", "FROM a AS final", ""),
        ("1", "FROM a\nFROM b", ""),
        ("final", "ARG N=final\nFROM a AS $N", ""),
        ("2", "FROM a\nFROM b", "name one of its stages: none has a name"),
        ("fnal", "FROM a AS base\nFROM b AS final", "name one of its stages: base, final"),
    ],
)
def test_the_stage_of_a_target(wanted: str, text: str, says: str) -> None:
    found = [str(finding) for finding in bake_rules.stage(BAKE, "api", {"target": wanted}, text)]
    assert len(found) == bool(says)
    assert all(says in line and f"no stage {wanted}" in line for line in found)


def test_images_and_targets() -> None:
    text = YamlText(
        "bundle.yaml",
        "images:\n"
        "  a: {repository: a, variable: A,\n    target: api}\n"
        "  b: {repository: b, variable: B,\n    target: api}\n"
        "  c: {repository: c, variable: C,\n    target: default}\n"
        "  d: {repository: d, variable: D}\n",
    )
    targets = {"a": "api", "b": "api", "c": "default", "d": ""}
    specs = {
        name: ImageSpec(repository=name, variable=name.upper(), target=target)
        for name, target in targets.items()
    }
    found = bake_rules.images({"api": {}, "base": {}}, specs, "docker/bake.hcl", text)
    assert [str(finding).partition(";")[0] for finding in sorted(found)] == [
        "bundle.yaml:5: target api builds image a already",
        "bundle.yaml:7: default is a group in docker/bake.hcl, and builds no image",
    ]


def test_lines_of_a_bake_file() -> None:
    assert [BAKE.line(name) for name in ("base", "api", "end", "m-a")] == [2, 5, 16, 0]
    assert BAKE.line("api", "context") == 6
    assert BAKE.line("api", "target") == 14
    assert BAKE.line("api", "labels") == 5, "where the key is not found, the target"
    assert BAKE.line("base", "args") == 2, "and none of another target"
    as_json = Bake("b.json", '{"target": {\n"api": {\n"context": "x"}}}\n')
    assert as_json.line("api", "context") == 3


def test_an_inline_dockerfile_has_the_lines_of_its_bake_file() -> None:
    inline = "FROM x:1\nUSER 0\n"
    found = [
        BAKE.of_inline("api", inline, finding)
        for finding in dockerfile_rules.check(BAKE.name, inline)
    ]
    assert [(finding.line, finding.rule) for finding in found] == [(8, "digest"), (9, "user")]
    assert all(finding.what.startswith("target api: ") for finding in found)
    elsewhere = next(iter(dockerfile_rules.check(BAKE.name, "FROM y:1\nUSER 1\n")))
    assert BAKE.of_inline("api", "FROM y:1\nUSER 1\n", elsewhere).line == 5


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ("exit 1", "Compose"),
        ('[ "$1" = compose ] && echo compose', "Buildx"),
        ('[ "$1" != compose ] || echo compose', "Buildx"),  # an older client shows its usage
    ],
)
def test_a_client_that_cannot_print_it_is_said(
    answers: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = tmp_path / "docker"
    client.write_text(f"#!/bin/sh\n{answers}\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(compose_config, "rendered", lambda *_, **__: {"services": {}})
    bundle = {"MORPHOPS_BUNDLE": str(ROOT / "ops" / "bundle.yaml")}
    with pytest.raises(EngineUnavailable, match=says):
        check.check(open_site(Reporter(True), {**os.environ, **bundle}))
