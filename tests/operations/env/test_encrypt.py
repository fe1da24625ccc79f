"""Encrypted env files without an engine: made, checked, shown, edited."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.age import Keys
from morphops.adapters.store import env_file
from morphops.core.bundle import parse
from morphops.core.env import dotenv, encryption
from morphops.errors import ConfigError, InputError, PreconditionError
from morphops.operations import host
from morphops.operations.env import check, edit, identity, init, show
from morphops.operations.pipeline import values
from morphops.report.console import Reporter
from morphops.site import Site, open_site
from tests import stacks
from tests.paths import ROOT
from tests.results import valid


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """The test stack, with an identity and an encrypted env file."""
    inv = stacks.project(tmp_path, "morphops-test-age", 4321, registry="127.0.0.1:1")
    environ = {
        "MORPHOPS_BUNDLE": str(tmp_path / "ops/bundle.yaml"),
        "MORPHOPS_STATE": str(inv.state),
        "MORPHOPS_AGE_IDENTITY": str(tmp_path / "identity.txt"),
    }
    site = open_site(Reporter(True), environ)
    assert valid("env.identity", identity.identity(site))["state"] == "made"
    plain = inv.state / "test.env"
    plain.with_name("test.env.age").write_bytes(site.keys.encrypt(plain.read_bytes()))
    plain.unlink()
    return site


def with_editor(site: Site, shell: str) -> Site:
    return replace(site, environ={**site.environ, "EDITOR": f"sh -c '{shell}'"})


def test_it_is_found_checked_and_shown_as_a_plain_one_is(site: Site) -> None:
    view = valid("env.check", check.check(site))
    assert view["env_file"].endswith("/state/test.env.age")
    assert (view["state"], view["encrypted"]) == ("ok", True)
    rows = {row["name"]: row for row in valid("env.show", show.show(site))["variables"]}
    assert rows["TOKEN"]["source"].endswith("test.env.age:1")
    assert host.bound_ports(site) == ((("127.0.0.1", 4321)),)


def test_that_others_may_read_it_is_no_finding(site: Site) -> None:
    site.env_file().chmod(0o644)
    assert valid("env.check", check.check(site))["state"] == "ok"


def test_what_is_wrong_in_it_is_named_with_its_line(site: Site) -> None:
    site.env_file().write_bytes(site.keys.encrypt(b"TOKN=x\nTOKN=y\n"))
    findings = valid("env.check", check.check(site))["findings"]
    assert any("test.env.age:2: TOKN stands in line 1" in row["text"] for row in findings)
    site.env_file().write_bytes(site.keys.encrypt(b"A=1\nB=\xff\n"))
    with pytest.raises(InputError, match=r"test\.env\.age:2: is not UTF-8"):
        check.check(site)


def test_two_of_them_are_one_too_many(site: Site) -> None:
    (site.state.root / "test.env").write_text("TOKEN=x\n")
    with pytest.raises(InputError, match=r"test\.env and test\.env\.age are both there"):
        site.env_file()


def test_without_the_identity(site: Site) -> None:
    site.keys.identity.unlink()
    with pytest.raises(
        InputError, match=r"is encrypted, and there is no age identity at"
    ) as caught:
        check.check(site)
    assert "inv env.identity" in caught.value.hint
    assert host.bound_ports(site), "the defaults will do"


def test_init_makes_an_encrypted_one(site: Site, tmp_path: Path) -> None:
    morphogen = open_site(
        Reporter(True), {**site.environ, "MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")}
    )
    path, theirs = tmp_path / "a.env.age", tmp_path / "b.env.age"
    made = valid("env.init", init.init(morphogen, str(path), name="server-a"))
    assert made["encrypted"]
    assert encryption.is_encrypted(path.read_bytes())
    init.init(morphogen, str(theirs), name="server-b", source=str(path))
    a = env_file.load(path, morphogen.keys.decrypt).values
    b = env_file.load(theirs, morphogen.keys.decrypt).values
    assert a["MORPHOGEN_SERVER_A_PAGE_PRG_KEY_0"] == b["MORPHOGEN_SERVER_B_PAGE_PRG_KEY_0"]
    with pytest.raises(InputError, match="is encrypted, and has to be plain here"):
        env_file.load(path)


@pytest.mark.parametrize("name", ["c.env.age", "c.env"])
def test_init_without_an_identity_leaves_nothing(site: Site, tmp_path: Path, name: str) -> None:
    site.keys.identity.unlink()
    morphogen = open_site(
        Reporter(True), {**site.environ, "MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")}
    )
    if name.endswith(".age"):
        with pytest.raises(InputError, match="there is no age identity"):
            init.init(morphogen, str(tmp_path / name))
        assert not (tmp_path / name).exists()
    else:
        assert not valid("env.init", init.init(morphogen, str(tmp_path / name)))["encrypted"]


def test_edit_saves_it_encrypted_and_checks_it(site: Site) -> None:
    before = site.env_file().read_bytes()
    view = valid("env.edit", edit.edit(with_editor(site, 'sed -i s/4321/4322/ "$0"')))
    assert (view["state"], view["encrypted"]) == ("changed", True)
    assert site.read_env().values["FRONT_PORT"] == "4322"
    assert encryption.is_encrypted(site.env_file().read_bytes())
    assert site.env_file().read_bytes() != before


def test_edit_without_a_change_writes_nothing(site: Site) -> None:
    before = site.env_file().read_bytes()
    view = valid("env.edit", edit.edit(with_editor(site, "true")))
    assert (view["state"], view["changed"]) == ("as before", False)
    assert site.env_file().read_bytes() == before


def test_edit_loses_nothing_that_was_written(site: Site) -> None:
    with pytest.raises(InputError) as caught:
        edit.edit(with_editor(site, 'echo TOKN=sk-new >> "$0"'))
    assert caught.value.state == "what you wrote is kept"
    assert "sk-new" not in caught.value.message()
    assert site.read_env().values["TOKN"] == "sk-new"


def test_edit_of_one_templates_part_is_held_to_that_part(site: Site, tmp_path: Path) -> None:
    morphogen = open_site(
        Reporter(True), {**site.environ, "MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")}
    )
    path = str(tmp_path / "a.env")
    init.init(morphogen, path, name="server-a")
    filled = with_editor(morphogen, 'sed -i s%=CHANGE_ME%=/srv/a% "$0"')
    view = valid("env.edit", edit.edit(filled, path, name="server-a"))
    assert (view["changed"], view["template"]) == (True, "server-a")
    with pytest.raises(InputError) as caught:
        edit.edit(with_editor(morphogen, 'echo TOKN=x >> "$0"'), path, name="server-a")
    assert caught.value.hint == f"inv env.edit --env-file={path} --template=server-a"
    with pytest.raises(InputError, match="no template 'server-c'"):
        edit.edit(with_editor(morphogen, "false"), path, name="server-c")


def test_edit_of_a_plain_file_leaves_it_plain_and_closed(site: Site) -> None:
    plain = site.state.root / "test.env"
    plain.write_bytes(site.keys.decrypt(site.env_file().read_bytes(), ""))
    (site.state.root / "test.env.age").unlink()
    plain.chmod(0o600)
    view = valid("env.edit", edit.edit(with_editor(site, 'sed -i s/4321/4322/ "$0"')))
    assert (view["changed"], view["encrypted"]) == (True, False)
    assert "FRONT_PORT=4322" in plain.read_text()
    assert plain.stat().st_mode & 0o777 == 0o600


def test_values_are_kept_as_the_env_file_is(site: Site, tmp_path: Path) -> None:
    plain, sealed = site.state.deployment(1), site.state.deployment(2)
    release = "sha256:" + "a" * 64
    wanted = {"TOKEN": stacks.SECRET, "A": "x 'y' $z"}
    values.store_values(site, plain, release, wanted, encrypted=False)
    values.store_values(site, sealed, release, wanted, encrypted=True)
    for deployment in (plain, sealed):
        assert values.read_values(site, deployment).values == wanted
        assert values.belong_to(site, deployment, release)
        assert not values.belong_to(site, deployment, "sha256:" + "b" * 64)
        given = values.env_file_for_platform(site, deployment)
        assert dotenv.parse(given.read_text(), "x").values == wanted
    assert values.env_file_for_platform(site, plain) == plain.values
    assert not sealed.values.exists()
    assert not values.env_file_for_platform(site, sealed).is_relative_to(tmp_path)
    assert stacks.SECRET.encode() not in sealed.encrypted_values.read_bytes()

    values.encrypt_values(site, plain)
    assert not plain.values.exists()
    assert values.read_values(site, plain).values == wanted
    site.keys.identity.unlink()
    with pytest.raises(PreconditionError, match="values of deployment 1 cannot be used"):
        values.read_values(site, plain)
    assert not values.belong_to(site, plain, release)


def test_who_else_can_read_it(site: Site, tmp_path: Path) -> None:
    colleague = Keys(tmp_path / "colleague.txt")
    colleague.make()
    spec = replace(site.bundle.env, recipients=colleague.own())
    shared = replace(site, bundle=replace(site.bundle, env=spec))
    values.store_values(shared, site.state.deployment(1), "sha256:", {"A": "1"}, encrypted=True)
    data = site.state.deployment(1).encrypted_values.read_bytes()
    assert b"A='1'" in colleague.decrypt(data, "")
    assert values.read_values(site, site.state.deployment(1)).values == {"A": "1"}


@pytest.mark.parametrize("recipient", ["age1", "AGE-SECRET-KEY-1X", "ssh-ed25519 AAAA", ""])
def test_a_recipient_in_the_bundle_that_is_none(site: Any, recipient: str) -> None:
    path = site.folder / "bundle.yaml"
    text = path.read_text().replace("env:\n", f'env:\n  recipients: ["{recipient}"]\n', 1)
    with pytest.raises(ConfigError, match="is not an age recipient"):
        parse.parse_bundle(text, "bundle.yaml")
