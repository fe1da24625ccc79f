"""Documents decide variables, and say so when they cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops import site
from morphops.adapters.store.documents import load
from morphops.core import jmespath
from morphops.core.bundle import documents, parse
from morphops.core.bundle.documents import Loaded
from morphops.core.bundle.schema import Bundle, Document
from morphops.errors import InputError
from tests.paths import STACK


def bundle(**found: Document) -> Bundle:
    return replace(site.load_bundle(STACK / "bundle.yaml"), documents=found)


def provided(data: Any, **provides: str) -> Mapping[str, str]:
    document = Document(path="/m.json", provides=provides)
    return documents.derive_values(bundle(d=document), {"d": Loaded(Path("/m.json"), data)})


def refused(path: str, values: Mapping[str, str]) -> InputError:
    with pytest.raises(InputError) as caught:
        load(bundle(d=Document(path=path)), values)
    return caught.value


def test_loaded_from_where_the_env_file_says(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"rows": 8}')
    both = bundle(d=Document(path="{DIR}/{NAME}.json"), e=Document(path=f"{tmp_path}/m.json"))
    loaded = load(both, {"DIR": str(tmp_path), "NAME": "m", "OTHER": "{x}"})
    assert loaded == dict.fromkeys("de", Loaded(tmp_path / "m.json", {"rows": 8}))


def test_what_a_value_holds_is_not_filled_in_again(tmp_path: Path) -> None:
    (tmp_path / "{B}").mkdir()
    (tmp_path / "{B}" / "m.json").write_text("1")
    loaded = load(bundle(d=Document(path="{A}/m.json")), {"A": f"{tmp_path}/{{B}}"})
    assert loaded["d"].data == 1


@pytest.mark.parametrize("values", [{}, {"DIR": ""}, {"DIRE": "/x"}])
def test_the_path_needs_a_variable(values: dict[str, str]) -> None:
    assert refused("{DIR}/m.json", values).what == (
        "documents/d/path: DIR is not set in the env file"
    )


def test_what_was_replaced_since() -> None:
    found = bundle(
        d=Document(path="/m.json", provides={"EPOCH": "epoch", "ROWS": "rows"}),
        e=Document(path="/n.json", provides={"ROOT": "root"}),
    )
    loaded = {
        "d": Loaded(Path("/m.json"), {"epoch": 8, "rows": 5, "other": 2}),
        "e": Loaded(Path("/n.json"), {"root": "0x1"}),
    }
    same = {"EPOCH": "8", "ROWS": "5", "ROOT": "0x1", "TOKEN": "t"}
    assert documents.changed_since_deploy(found, loaded, same) == ()
    assert documents.changed_since_deploy(found, loaded, same | {"EPOCH": "7", "ROOT": "0x0"}) == (
        "/m.json says EPOCH=8 now, and it was 7",
        "/n.json says ROOT=0x1 now, and it was 0x0",
    )
    del same["ROOT"]
    assert documents.changed_since_deploy(found, loaded, same) == (
        "/n.json says ROOT=0x1 now, and it was nothing",
    )


def test_not_there(tmp_path: Path) -> None:
    error = refused("{DIR}/m.json", {"DIR": str(tmp_path)})
    assert error.what == f"document d: there is no {tmp_path}/m.json"
    assert error.state == "nothing was changed"
    assert error.hint


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    assert refused(str(tmp_path), {}).what == f"document d: {tmp_path}: Is a directory"
    (tmp_path / "file").write_text("")
    assert refused(f"{tmp_path}/file/m.json", {}).what.endswith("/file/m.json: Not a directory")


@pytest.mark.parametrize("data", [b"", b"{", b"{'a': 1}", b"\xff\xfe\xfa", b'{"a": 1} x'])
def test_no_json(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "m.json").write_bytes(data)
    what = refused(f"{tmp_path}/m.json", {}).what
    assert what.startswith(f"document d: {tmp_path}/m.json is no JSON: ")


@pytest.mark.parametrize("path", ["{", "}", "{DIR", "{}/m.json", "{DIR!x}", "{DIR:>99}"])
def test_a_path_that_is_no_template_is_a_mistake_of_the_bundle(path: str) -> None:
    text = (STACK / "bundle.yaml").read_text()
    assert "{DATA_DIR}/manifest.json" in text
    wrong = text.replace("{DATA_DIR}/manifest.json", path)
    with pytest.raises(InputError) as caught:
        parse.parse_bundle(wrong, "b.yaml")
    assert caught.value.what == (
        "b.yaml:19: documents/data/path: braces hold the name of a variable: {NAME}"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        ("", ""),
        ("007", "007"),
        (7, "7"),
        (-1.5, "-1.5"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
        (False, "false"),
        (0, "0"),
    ],
)
def test_a_field_as_a_variable(value: Any, text: str) -> None:
    assert provided({"deep": [{"field": value}]}, A="deep[0].field") == {"A": text}


def test_one_that_is_nested_too_deeply(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("[" * 100_000)
    assert "m.json is no JSON" in refused(f"{tmp_path}/m.json", {}).what


def test_a_list_can_be_joined() -> None:
    expression = "join(',', map(&to_string(@), seeds))"
    assert provided({"seeds": [1, 2]}, SEEDS=expression) == {"SEEDS": "1,2"}


@pytest.mark.parametrize("data", [{}, {"a": None}, {"a": []}, {"a": {"b": 1}}, [], None, 5])
def test_a_field_that_is_missing_or_no_single_value(data: Any) -> None:
    with pytest.raises(InputError) as caught:
        provided(data, VARIABLE="a")
    assert caught.value.what == "document d: /m.json says no 'a', which VARIABLE needs"


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_line_break_would_be_another_line_of_the_env_file(end: str) -> None:
    with pytest.raises(InputError, match="VARIABLE: 'a' holds a line break"):
        provided({"a": f"x{end}OTHER=1"}, VARIABLE="a")


def test_the_names_are_known_without_reading(tmp_path: Path) -> None:
    both = bundle(
        d=Document(path="/none", provides={"A": "a", "B": "b"}),
        e=Document(path="/none", provides={"C": "c"}),
    )
    assert documents.variable_names(both) == {"A", "B", "C"}


def test_what_jmespath_cannot_answer_is_nothing() -> None:
    assert jmespath.search("a.b", json.loads('{"a": {"b": 1}}')) == 1
    assert jmespath.search("join(',', @)", {"a": 1}) is None
    assert jmespath.search("a[", {"a": 1}) is None
