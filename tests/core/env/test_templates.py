"""What is made from the env schema: templates, the table, first files."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from morphops.adapters.store import env_file
from morphops.core.env import dotenv, rules, templates
from morphops.core.env.schema import EnvSchema, Template, Variable
from morphops.errors import ConfigError, InputError
from morphops.operations.env import check, init, show, template
from morphops.report import env as report
from morphops.report.console import Reporter
from morphops.site import open_site
from tests import stacks
from tests.paths import ROOT
from tests.results import valid

KEY = "ab" * 16
SCHEMA = EnvSchema(
    schema=1,
    variables={
        "URL": Variable(about="A URL.", required=True, secret=True, pattern="https?://.+"),
        "A_KEY": Variable(about="A key.", required=True, generate="hex16"),
        "B_KEY": Variable(about="As A's.", required=True, same_as="A_KEY"),
        "B_PORT": Variable(about="A port.", default="80"),
    },
    templates={
        "all": Template(about="All of it.", variables=("*",)),
        "b": Template(about="Only B.", variables=("B_*",)),
    },
)


def test_a_template() -> None:
    assert templates.template(SCHEMA, "b") == (
        "# Only B. Written from the env schema by `inv env.template`; `inv env.init PATH\n"
        "# --template=b` makes a real file of it, mode 0600, with fresh keys. A real one\n"
        "# never goes into git.\n"
        "\n"
        "# As A's. Must equal A_KEY.\n"
        "B_KEY=CHANGE_ME\n"
        "\n"
        "# A port.\n"
        "#B_PORT=80\n"
    )


def test_a_template_as_it_is_is_refused_for_every_placeholder() -> None:
    env = dotenv.scan(templates.template(SCHEMA, "all"), "x")
    with pytest.raises(InputError) as caught:
        rules.check(env, SCHEMA, images={}, provided=frozenset(), exported={})
    findings = (caught.value.what, *caught.value.detail)
    for name in ("URL", "A_KEY", "B_KEY"):
        assert any(f"{name} still holds a placeholder" in line for line in findings)


def test_a_first_file_has_fresh_equal_keys_and_says_what_is_left() -> None:
    values = templates.generate(SCHEMA, {}, token_hex)
    env = dotenv.parse(templates.first_file(SCHEMA, "all", values), "x")
    assert env.values["A_KEY"] == env.values["B_KEY"]
    assert len(env.values["A_KEY"]) == 32
    assert env.values["A_KEY"] != templates.generate(SCHEMA, {}, token_hex)["A_KEY"]
    assert templates.left_to_fill(SCHEMA, "all", values) == ("URL",)


@pytest.mark.parametrize(
    ("values", "shared"),
    [
        ({"A_KEY": KEY, "URL": "x"}, {"A_KEY": KEY}),
        ({"B_KEY": KEY}, {"A_KEY": KEY, "B_KEY": KEY}),
        ({"URL": "x", "B_PORT": "1"}, {}),
    ],
)
def test_what_two_files_share(values: dict[str, str], shared: dict[str, str]) -> None:
    assert templates.shared(SCHEMA, values) == shared


def test_the_table_has_a_row_for_each() -> None:
    rows = templates.table(SCHEMA).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(SCHEMA.variables)
    assert rows[0] == "| `URL` | yes |  | A URL. **Secret.** |"


@pytest.fixture
def site(tmp_path: Path) -> Any:
    inv = stacks.project(tmp_path, "morphops-test-env", 1, registry="127.0.0.1:1")
    environ = {"MORPHOPS_BUNDLE": str(tmp_path / "ops/bundle.yaml")}
    return open_site(Reporter(True), environ | {"MORPHOPS_STATE": str(inv.state)})


def test_what_is_generated_in_this_repository_is_as_the_schema_has_it() -> None:
    site = open_site(Reporter(True), {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")})
    files = template.generated(site)
    assert {path.name for path in files} == {
        "production.env.example",
        "server-a.env.example",
        "server-b.env.example",
        "rpc-adapter.env.example",
        "README.md",
    }
    for path, text in files.items():
        assert path.read_text() == text, f"{path}: run `inv env.template`"


def test_templates_are_written_once(site: Any) -> None:
    schema = site.folder / "env/schema.yaml"
    schema.write_text(schema.read_text() + "templates: {all: {about: All., variables: ['*']}}\n")
    written = valid("env.template", template.template(site))["written"]
    assert written == [str(site.folder / "env/all.env.example")]
    again = valid("env.template", template.template(site))
    assert (again["state"], again["written"]) == ("as before", [])


def test_a_template_that_fits_nothing(site: Any) -> None:
    schema = site.folder / "env/schema.yaml"
    schema.write_text(schema.read_text() + "templates: {X_: {about: All., variables: [Z*]}}\n")
    with pytest.raises(ConfigError) as caught:
        template.template(site)
    assert caught.value.detail == (
        f"{site.shown(schema)}:10: templates/X_: a-z, 0-9 and -, since it names a file",
        f"{site.shown(schema)}:10: templates/X_/variables/0: no variable has the name 'Z*'",
    )


def test_init_never_overwrites(tmp_path: Path) -> None:
    site = open_site(Reporter(True), {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")})
    path = tmp_path / "a.env"
    made = valid("env.init", init.init(site, str(path)))
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "UPSTREAM_RPC_URL" in made["left"]
    with pytest.raises(InputError, match="is there already"):
        init.init(site, str(path))
    assert path.read_bytes() == before


def test_a_file_for_the_other_operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = open_site(Reporter(True), {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")})
    ours, theirs = tmp_path / "a.env", tmp_path / "b.env"
    init.init(site, str(ours), name="server-a")
    with pytest.raises(InputError, match="must equal MORPHOGEN_SERVER_A_PAGE_PRG_KEY_0"):
        init.init(site, str(theirs), name="server-b")
    with pytest.raises(InputError, match="there is no such env file") as caught:
        init.init(site, str(theirs), name="server-b", source=str(tmp_path / "none"))
    assert caught.value.hint.startswith("--source names")
    assert not theirs.exists()
    text = ours.read_text().replace("SNAPSHOT_DIR=CHANGE_ME", "SNAPSHOT_DIR=/srv/a")
    ours.write_text(text)
    made = init.init(site, str(theirs), name="server-b", source=str(ours))
    view = valid("env.init", made)
    keys = [f"MORPHOGEN_SERVER_B_PAGE_PRG_KEY_{number}" for number in (0, 1)]
    assert (view["made"], view["taken"], view["template"]) == ([], keys, "server-b")
    report.env_init(Reporter(), made)
    said = capsys.readouterr().out
    assert f"as in the other file: {', '.join(keys)}" in said.replace("\n", " ")
    assert f"next: inv env.edit --env-file={theirs} --template=server-b" in said
    a, b = env_file.load(ours).values, env_file.load(theirs).values
    for key in ("PAGE_PRG_KEY_0", "PAGE_PRG_KEY_1"):
        assert a[f"MORPHOGEN_SERVER_A_{key}"] == b[f"MORPHOGEN_SERVER_B_{key}"]
    assert valid("env.check", check.check(site, str(ours), name="server-a"))["state"] == "ok"
    wrong = valid("env.check", check.check(site, str(theirs), name="server-b"))
    assert (wrong["state"], wrong["exit"]) == ("findings", 2)
    found = [f for f in wrong["findings"] if f["subjects"] == ["MORPHOGEN_SERVER_B_SNAPSHOT_DIR"]]
    assert "still holds a placeholder" in found[0]["what"]
    assert (found[0]["file"], found[0]["line"] > 0) == (str(theirs), True)


def test_a_schema_without_templates_is_one_by_itself(site: Any, tmp_path: Path) -> None:
    path = tmp_path / "first.env"
    made = valid("env.init", init.init(site, str(path)))
    assert made["left"].keys() == {"TOKEN", "DATA_DIR"}
    text = path.read_text()
    assert "TOKEN=CHANGE_ME" in text
    assert "#FRONT_PORT=8123" in text
    assert "--template" not in text
    with pytest.raises(InputError, match="no template 'all'") as caught:
        init.init(site, str(tmp_path / "x.env"), name="all")
    assert caught.value.hint == "leave --template out"


def test_the_first_file_lies_where_the_bundle_says(tmp_path: Path) -> None:
    """Also where nothing was ever done here, and so no state folder is there."""
    environ = {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")}
    state = tmp_path / "none/yet"
    site = open_site(Reporter(True), environ | {"MORPHOPS_STATE": str(state)})
    assert valid("env.init", init.init(site))["path"] == str(state / "production.env")
    assert state.stat().st_mode & 0o777 == 0o700
    with pytest.raises(InputError, match="is there already"):
        init.init(site)
    named = open_site(Reporter(True), environ | {"MORPHOPS_ENV_FILE": str(tmp_path / "named.env")})
    assert valid("env.init", init.init(named))["path"] == str(tmp_path / "named.env")


def test_a_file_in_a_folder_that_is_not_there(site: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory") as caught:
        init.init(site, str(tmp_path / "not here/x.env"))
    assert caught.value.state == "nothing was made"
    assert caught.value.hint.startswith(f"mkdir -p -m 700 '{tmp_path}/not here', or")


def test_show_has_no_value(site: Any) -> None:
    view = valid("env.show", show.show(site))
    rows = {row["name"]: row for row in view["variables"]}
    assert rows["TOKEN"]["secret"]
    assert rows["TOKEN"]["source"].endswith("test.env:1")
    assert len(rows["TOKEN"]["fingerprint"]) == 16
    assert stacks.SECRET not in str(view)
    assert rows["PAIR_IMAGE"]["source"] == "the release's image pair"
    assert rows["DATA_EPOCH"]["source"] == "document data"
