"""Env files: what is refused, with which words, and never with a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops import envfile
from morphops.envschema import EnvSchema, Variable
from morphops.errors import InputError

SCHEMA = EnvSchema(
    schema=1,
    variables={
        "URL": Variable(about="A URL.", required=True, secret=True, pattern="https?://.+"),
        "KEY_A": Variable(about="A key.", pattern="[0-9a-f]{32}", generate="hex16"),
        "KEY_B": Variable(about="The same key.", same_as="KEY_A"),
        "OTHER": Variable(about="Another key.", differs_from="KEY_A"),
        "PORT": Variable(about="A port.", default="1", pattern="[0-9]+"),
    },
)
SECRET = "https://u:hunter2hunter2@rpc.example/key"
GOOD = {"URL": SECRET, "KEY_A": "ab" * 16, "KEY_B": "ab" * 16}


def refusal(text: str, exported: dict[str, str] | None = None) -> str:
    """What `check` says of a file."""
    with pytest.raises(InputError) as caught:
        envfile.check(
            envfile.parse(text, "x.env"),
            SCHEMA,
            images={"IMAGE": "r@sha256:1"},
            provided=frozenset({"ROWS"}),
            exported=exported or {},
        )
    return caught.value.message()


def lines(**changes: str) -> str:
    return "".join(f"{name}={value}\n" for name, value in (GOOD | changes).items())


def test_a_good_file_passes() -> None:
    envfile.check(
        envfile.parse(lines(IMAGE="r@sha256:1"), "x.env"),
        SCHEMA,
        images={"IMAGE": "r@sha256:1"},
        provided=frozenset(),
        exported={"HOME": "/"},
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("PORT=1\n", "x.env: URL is missing: A URL."),
        (lines(URL=""), "x.env:1: URL is empty"),
        (lines(URL="CHANGE_ME"), "x.env:1: URL still holds a placeholder"),
        (lines(URL="https://<key>"), "x.env:1: URL still holds a placeholder"),
        (lines(URL="ftp://x"), "x.env:1: URL does not have the right form"),
        (lines(KEY_B="cd" * 16), "x.env:3: KEY_B must equal KEY_A"),
        (lines(OTHER="ab" * 16), "x.env:4: OTHER must differ from KEY_A"),
        (lines(PROT="1"), "x.env:4: PROT is no variable of this stack; did you mean PORT?"),
        (lines(IMAGE="r@sha256:2"), "x.env:4: IMAGE names another image than the release"),
        (lines(ROWS="5"), "x.env:4: ROWS comes from a document's manifest"),
    ],
)
def test_each_finding_has_its_line_and_no_value(text: str, says: str) -> None:
    message = refusal(text)
    assert says in message
    assert "hunter2" not in message


def test_all_findings_at_once() -> None:
    message = refusal("PROT=1\nPORT=x\n", {"PORT": "2"})
    assert "4 findings" in message
    assert "PORT is exported in this shell and would beat x.env" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A=1\n\n# c\nA=2\n", "x.env:4: A stands in line 1 already"),
        ("A=1\nnot an assignment 'x\n", "x.env:2: is no NAME=value line"),
    ],
)
def test_what_cannot_be_parsed(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        envfile.parse(text, "x.env")
    assert says in caught.value.message()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("V=a#b", "a#b"),
        ("V=a # b", "a"),
        ("export V=a", "a"),
        ("V='a $b'", "a $b"),
        ("V=$b", "$b"),
        ("\ufeffV=a", "a"),
        ("V=a\r\n", "a"),
    ],
)
def test_how_values_are_read(text: str, value: str) -> None:
    assert envfile.parse(text, "x").values == {"V": value}


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\x85"))
)
def test_what_is_written_is_read_back(value: str) -> None:
    assert envfile.parse(envfile.render({"V": value}), "x").values == {"V": value}


def test_loading(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    with pytest.raises(InputError, match="there is no such env file"):
        envfile.load(path)
    path.write_text("A=1\n")
    path.chmod(0o640)
    with pytest.raises(InputError, match="mode is 0640") as caught:
        envfile.load(path)
    assert caught.value.hint == f"chmod 600 {path}"
    path.chmod(0o600)
    assert envfile.load(path).values == {"A": "1"}
    with pytest.raises(InputError, match="is a folder"):
        envfile.load(tmp_path)


def test_generated_keys_are_fresh_and_shared() -> None:
    one, two = (envfile.generate(SCHEMA, {"URL": "x"}) for _ in range(2))
    assert one["KEY_A"] == one["KEY_B"]
    assert one["KEY_A"] != two["KEY_A"]
    assert len(bytes.fromhex(one["KEY_A"])) == 16
    assert envfile.generate(SCHEMA, {"KEY_A": "mine"})["KEY_B"] == "mine"


def test_the_fingerprint_is_keyed_and_has_no_order() -> None:
    one = envfile.fingerprint({"A": "1", "B": "2"}, b"k")
    assert one == envfile.fingerprint({"B": "2", "A": "1"}, b"k")
    assert one != envfile.fingerprint({"A": "1", "B": "3"}, b"k")
    assert one != envfile.fingerprint({"A": "1", "B": "2"}, b"other")
