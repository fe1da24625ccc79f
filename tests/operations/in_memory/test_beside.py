"""What stands beside the compose files: carried, left on the machine, or left out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from morphops.core.results.deploy import PlanResult
from morphops.errors import ConfigError, InputError
from morphops.operations import drift, up, verify
from morphops.operations.deploy import deploy
from morphops.operations.destroy import destroy
from morphops.operations.prune.prune import prune
from morphops.operations.rollback import rollback
from tests.operations.in_memory.stranger import NGINX, Stranger


def mounts(stranger: Stranger, service: str) -> dict[str, tuple[str, bool]]:
    """Place inside → (what from outside, whether it may write), as the engine has it."""
    (container,) = (
        c for c in stranger.world.engine.of_project("shop") if c.instance.service == service
    )
    return {inside: (outside, writable) for inside, outside, writable in container.launch.mounts}


def plan(stranger: Stranger) -> PlanResult:
    release = stranger.create().release
    planned = deploy(stranger.world.site(), [release.digest], plan_only=True)
    assert isinstance(planned, PlanResult)
    return planned


def test_each_is_mounted_from_its_place(stranger: Stranger) -> None:
    release = stranger.deploy()
    assert release.executable == {"conf/init.sh"}
    web, ops = mounts(stranger, "web"), stranger.world.folder / "ops"
    assert set(web) == {"/etc/nginx/nginx.conf", "/conf", "/host"}, "a source folder is left out"
    conf, writable = web["/etc/nginx/nginx.conf"]
    assert Path(conf).read_text() == "worker_processes 1;\n"
    assert not writable, "a copy is never written to"
    assert Path(conf).is_relative_to(stranger.world.folder / "state/carried")
    assert Path(conf).stat().st_mode & 0o777 == 0o644
    folder = Path(web["/conf"][0])
    assert (folder / "init.sh").stat().st_mode & 0o777 == 0o755
    assert (folder / "a.conf").stat().st_mode & 0o777 == 0o644
    assert folder.stat().st_mode & 0o777 == folder.parent.stat().st_mode & 0o777 == 0o755
    assert web["/host"] == ("/etc/hostname", False)
    assert mounts(stranger, "db") == {"/var/lib/data": (str(ops / "data"), True)}


def test_a_plan_leaves_no_copy_behind_and_says_where_each_is(stranger: Stranger) -> None:
    planned = plan(stranger)
    assert not (stranger.world.folder / "state/carried").exists()
    ops = stranger.world.folder / "ops"
    told = {(row.path, row.kind): row.where for row in planned.beside}
    assert told["data", "data"] == str(ops / "data")
    assert told[".", "left out"] == ""
    assert "/state/carried/" in told["nginx.conf", "carried"]
    assert set(told) == {
        ("data", "data"),
        (".", "left out"),
        ("nginx.conf", "carried"),
        ("conf", "carried"),
    }


def test_the_same_content_replaces_nothing(stranger: Stranger) -> None:
    stranger.deploy()
    stranger.change("schema.yaml", "A secret.", "A token.")
    assert not plan(stranger).changed


@pytest.mark.parametrize(
    ("name", "text", "mode", "told"),
    [
        ("nginx.conf", "worker_processes 2;\n", 0o644, "carried nginx.conf"),
        ("nginx.conf", "worker_processes 1;\n", 0o755, "carried nginx.conf"),
        ("conf/a.conf", "b\n", 0o644, "carried conf"),
        ("conf/new.conf", "new\n", 0o644, "carried conf"),
        ("conf/init.sh", "#!/bin/sh\n", 0o644, "carried conf"),
    ],
)
def test_a_changed_file_replaces_what_mounts_it_and_comes_back(
    stranger: Stranger, name: str, text: str, mode: int, told: str
) -> None:
    first = stranger.deploy()
    before = mounts(stranger, "web")
    stranger.write(name, text)
    (stranger.world.folder / "ops" / name).chmod(mode)
    planned = plan(stranger)
    rows = {row.service: row for row in planned.changes}
    assert (rows["web"].action, rows["web"].contents) == ("replace", (told,))
    assert (rows["db"].action, rows["web"].keys) == ("keep", ())
    stranger.deploy()
    assert mounts(stranger, "web") != before
    assert verify.verify(stranger.world.site()).state == "verified"
    rollback(stranger.world.site(), to=first.digest, reason="the old one")
    assert mounts(stranger, "web") == before
    assert verify.verify(stranger.world.site()).state == "verified"


@pytest.mark.parametrize("how", ["text", "mode", "gone", "link", "more"])
def test_a_copy_that_was_changed_by_hand_is_drift_and_put_right(
    stranger: Stranger, how: str
) -> None:
    stranger.deploy()
    conf = Path(mounts(stranger, "web")["/conf"][0])
    match how:
        case "text":
            (conf / "a.conf").write_text("altered")
        case "mode":
            (conf / "a.conf").chmod(0o755)
        case "gone":
            shutil.rmtree(conf.parent)
        case "link":
            (conf / "a.conf").unlink()
            (conf / "a.conf").symlink_to("/etc/hostname")
        case "more":
            (conf / "more").mkdir()
            (conf / "more/x").write_text("x")
    found = drift.look(stranger.world.site()).differences
    assert [(row.kind, row.subject) for row in found] == [("host-file", "web")]
    assert "carried conf" in found[0].what
    assert verify.verify(stranger.world.site()).state == "drift"
    container = [c.instance.id for c in stranger.world.engine.of_project("shop")]
    up.up(stranger.world.site(), reason="as it was")
    assert verify.verify(stranger.world.site()).state == "verified"
    assert (conf / "a.conf").read_text() == "a\n"
    assert sorted(p.name for p in conf.iterdir()) == ["a.conf", "init.sh"]
    again = [c.instance.id for c in stranger.world.engine.of_project("shop")]
    assert (container == again) == (how in ("gone", "link"))


def test_data_stays_where_the_first_deploy_found_it(stranger: Stranger) -> None:
    stranger.deploy()
    before = mounts(stranger, "db")
    moved = stranger.world.folder / "moved"
    shutil.move(stranger.world.folder / "ops", moved)
    release = stranger.create(at=moved).release
    deploy(stranger.world.site(folder=moved), [release.digest])
    assert mounts(stranger, "db") == before
    shutil.move(moved, stranger.world.folder / "ops")
    stranger.change("bundle.yaml", "  data: [data]\n", "  data: [data]\n  folder: /srv/elsewhere\n")
    stranger.deploy()
    assert mounts(stranger, "db") == {"/var/lib/data": ("/srv/elsewhere/data", True)}


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("  carries: [nginx.conf, conf]\n", "  carries: [nginx.conf]\n  leaves: [x]\n", "conf"),
        ("  data: [data]\n  leaves: [.]\n", "  leaves: [x]\n", "data"),
        ("  leaves: [.]\n", "", "."),
    ],
)
def test_what_the_bundle_does_not_name_is_refused_when_a_release_is_made(
    stranger: Stranger, was: str, becomes: str, told: str
) -> None:
    text = (stranger.world.folder / "ops/bundle.yaml").read_text().replace(was, becomes)
    if "leaves: [x]" in becomes:
        text = text.replace("  leaves: [.]\n", "")
    stranger.write("bundle.yaml", text)
    with pytest.raises(InputError, match="no deploy could ever bring") as refused:
        stranger.create()
    first, *_ = [line for line in refused.value.detail if f": {told} stands beside" in line]
    assert first.startswith("ops/compose.yaml:")
    assert "/volumes/" in first
    assert stranger.registry.manifests.get("shop/releases") is None
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("size", "limits", "told"),
    [
        ((1 << 20) + 1, "", "ops/nginx.conf has 1048577 bytes; a release carries files of up to"),
        (1 << 20, "", ""),
        (200, "  limits: {file: 100}\n", "ops/nginx.conf has 200 bytes"),
        (200, "  limits: {total: 100}\n", "has 212 bytes in 3 files; a release may carry 100"),
    ],
)
def test_what_is_carried_has_a_limit(stranger: Stranger, size: int, limits: str, told: str) -> None:
    stranger.write("nginx.conf", "x" * size)
    stranger.change("bundle.yaml", "  leaves: [.]\n", f"  leaves: [.]\n{limits}")
    if not told:
        assert stranger.create().carried[-1].size == size
        return
    with pytest.raises(InputError, match=told):
        stranger.create()


def test_a_private_key_is_not_carried(stranger: Stranger) -> None:
    stranger.write("conf/key.pem", "-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(InputError, match=r"ops/conf/key\.pem holds a private key"):
        stranger.create()


def test_an_env_file_with_a_secret_is_not_carried(stranger: Stranger) -> None:
    stranger.write("conf/app.env", "LEVEL=info\nDB_PASSWORD=hunter2-hunter2\nAPI_KEY=\n")
    with pytest.raises(InputError, match=r"ops/conf/app\.env sets DB_PASSWORD, and") as refused:
        stranger.create()
    assert "hunter2" not in refused.value.message()
    assert "compose/values" in refused.value.hint
    stranger.write("conf/app.env", "LEVEL=info\nDB_PASSWORD_FILE=/run/secrets/db\n")
    assert "conf/app.env" in stranger.create().release.files


def test_what_is_carried_has_to_be_there(stranger: Stranger) -> None:
    (stranger.world.folder / "ops/nginx.conf").unlink()
    with pytest.raises(ConfigError, match=r"ops/nginx\.conf: is not there"):
        stranger.create()
    (stranger.world.folder / "ops/nginx.conf").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError, match="is no file of the bundle's folder"):
        stranger.create()


def test_the_file_of_a_secret_is_read_from_the_machine(stranger: Stranger) -> None:
    stranger.change(
        "compose.yaml", "    image: HOST/nginx:1\n", "    image: x\n    secrets: [pw]\n"
    )
    text = (stranger.world.folder / "ops/compose.yaml").read_text()
    stranger.write("compose.yaml", f"{text}secrets: {{pw: {{file: ./pw.txt}}}}\n")
    stranger.write("pw.txt", "made-up")
    stranger.change("bundle.yaml", "conf]", "conf, pw.txt]")
    with pytest.raises(InputError, match="no deploy") as refused:
        stranger.create()
    assert (
        "secrets/pw/file: a release never carries the file of a secret" in refused.value.detail[0]
    )
    stranger.change("bundle.yaml", "conf, pw.txt]", "conf]")
    stranger.change("bundle.yaml", "data: [data]", "data: [data, pw.txt]")
    release = stranger.deploy()
    assert "pw.txt" not in release.files
    stranger.write("pw.txt", "another")
    rows = {row.service: row for row in plan(stranger).changes}
    assert rows["web"].contents == ("secret pw",)


def test_prune_keeps_the_copies_that_kept_releases_need(stranger: Stranger) -> None:
    kept = []
    for number in range(3):
        stranger.write("nginx.conf", f"# {number}\n")
        stranger.deploy()
        kept.append(mounts(stranger, "web")["/etc/nginx/nginx.conf"][0])
    stranger.write("nginx.conf", "# left\n")
    planned = prune(stranger.world.site(), keep=1, apply=False, build_cache=False)
    assert planned.copies == (str(Path(kept[0]).parent),)
    prune(stranger.world.site(), keep=1, apply=True, build_cache=False, reason="test")
    assert [Path(path).exists() for path in kept] == [False, True, True]
    assert verify.verify(stranger.world.site()).state == "verified"


def test_the_variables_of_an_env_file_come_from_the_env_file_of_a_deploy(
    stranger: Stranger,
) -> None:
    stranger.change("compose.yaml", NGINX, f"{NGINX}    env_file: .env\n")
    with pytest.raises(ConfigError, match="a release does not carry") as refused:
        stranger.create()
    assert refused.value.detail[0].endswith("services/web/env_file")
    stranger.change("bundle.yaml", "  data:", "  values: {.env: [TOKEN]}\n  data:")
    release = stranger.deploy()
    (web,) = (c for c in stranger.world.engine.of_project("shop") if c.instance.service == "web")
    assert web.launch.settings["environment.TOKEN"] == "made-up-sentinel"
    assert b"made-up" not in json.dumps({k: str(v) for k, v in release.files.items()}).encode()


def test_with_the_history_of_a_project_the_copies_go(stranger: Stranger) -> None:
    stranger.deploy()
    state = stranger.world.folder / "state"
    (state / "built.json").write_text("{}")  # as a build leaves it
    destroy(stranger.world.site(), project="shop", with_history=True)
    assert [path.name for path in state.iterdir()] == ["shop.env"]
