"""What a service is, of what Compose renders; nothing of it is started."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.docker.client import Docker
from morphops.adapters.docker.compose import ComposeTarget
from morphops.core.stack import Service, Stack
from morphops.errors import InputError
from tests.engine.helpers import Release
from tests.stacks import Inv

pytestmark = pytest.mark.engine


def rendered(folder: Path, model: Mapping[str, Any]) -> Mapping[str, Service]:
    """What the target makes of compose files with this content."""
    files, env = folder / "compose.yaml", folder / "values.env"
    files.write_text(json.dumps(model))
    env.write_text("KNOWN=value\n")
    stack = Stack("shop", (files,), env, variables=frozenset({"KNOWN"}))
    return ComposeTarget(Docker(), str).render(stack)


def test_no_shell_decides_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web = {"image": "x", "environment": {"A": "${KNOWN:-}", "B": "${WHO:-}", "WHO": None}}
    before = rendered(tmp_path, {"services": {"web": web}})
    for name in ("KNOWN", "WHO", "DOCKER_DEFAULT_PLATFORM"):
        monkeypatch.setenv(name, "linux/arm64")
    assert rendered(tmp_path, {"services": {"web": web}}) == before


def test_the_files_that_a_service_is_given(tmp_path: Path) -> None:
    web = {
        "image": "x",
        "volumes": ["./a.conf:/a", "/etc/hosts:/h", "v:/v"],
        "configs": ["c", "inline"],
        "secrets": ["s"],
    }
    model = {
        "services": {"web": web},
        "volumes": {"v": {}},
        "configs": {"c": {"file": "./c.conf"}, "inline": {"content": "x"}},
        "secrets": {"s": {"file": "../s"}},
    }
    given = {"/etc/hosts", str(tmp_path.parent / "s")}
    given |= {str(tmp_path / name) for name in ("a.conf", "c.conf")}
    assert rendered(tmp_path, model)["web"].files == given


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ({"volumes": ["./x.conf:/x.conf:ro"]}, {}),
        ({"configs": ["x"]}, {"configs": {"x": {"file": "./x.conf"}}}),
    ],
    ids="ab",
)
def test_files_of_the_working_tree_that_are_not_carried_make_no_release(
    inv: Inv, release: Release, service: dict[str, Any], more: dict[str, Any]
) -> None:
    (inv.folder / "ops/compose/x.conf").write_text("x\n")
    name = "compose/compose.yaml"
    text = (inv.folder / "ops" / name).read_text()
    lines = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in service.items())
    text = text.replace("  front:\n", f"  front:\n{lines}")
    text += "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items())
    (inv.folder / "ops" / name).write_text(text)
    with pytest.raises(InputError, match="no deploy could ever bring this release") as refused:
        release()
    (said,) = refused.value.detail
    assert said.startswith("ops/compose/compose.yaml:")
    assert "front" in said
    assert "x.conf" in said
    assert "no release was made" in refused.value.state
    assert not list(inv.state.glob("deployments/*"))
