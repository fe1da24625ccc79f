"""Env files: what is refused, with which words, and never with a value."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from secrets import token_hex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morphops.adapters.store import env_file
from morphops.core.env import dotenv, rules, templates
from morphops.core.env.schema import EnvSchema, Variable
from morphops.errors import InputError

SCHEMA = EnvSchema(
    schema=1,
    variables={
        "URL": Variable(about="A URL.", required=True, secret=True, pattern="https?://.+"),
        "KEY_A": Variable(about="A key.", pattern="[0-9a-f]{32}", generate="hex16"),
        "KEY_B": Variable(about="The same key.", same_as="KEY_A"),
        "OTHER": Variable(about="Another key.", differs_from="KEY_A"),
        "PORT": Variable(about="A port.", default="1", pattern="[0-9]+", placeholder="YOURS"),
    },
)
SECRET = "https://u:hunter2hunter2@rpc.example/key"
GOOD = {"URL": SECRET, "KEY_A": "ab" * 16, "KEY_B": "ab" * 16}


def refusal(text: str, exported: dict[str, str] | None = None) -> str:
    """What `check` says of a file."""
    with pytest.raises(InputError) as caught:
        rules.check(
            dotenv.scan(text, "x.env"),
            SCHEMA,
            images={"IMAGE": "r@sha256:1"},
            provided=frozenset({"ROWS"}),
            exported=exported or {},
        )
    return caught.value.message()


def lines(**changes: str) -> str:
    return "".join(f"{name}={value}\n" for name, value in (GOOD | changes).items())


FREE, FORM = Variable(about="x"), Variable(about="x", pattern=".+ <.+@.+>")
ANGLE, OWN = Variable(about="x", pattern="<.*>"), Variable(about="x", placeholder="<yours>")


@pytest.mark.parametrize(
    ("value", "variable", "is_one"),
    [
        ("Shop <noreply@example.com>", FREE, False),  # RFC 5322, 3.4
        ("Shop <noreply@example.com>", FORM, False),
        ("a<b>c", FREE, False),
        ("x<7f>Q", FREE, False),
        ("<%= y %>!", FREE, False),
        ("https://x.example/<id>/y", FREE, False),
        ("exchange_me", FREE, False),
        ("prechange_me_x", FREE, False),
        ("see TODO list", FREE, False),
        ("todo", FREE, False),
        ("<id>", FREE, True),
        ("<id>", ANGLE, False),
        ("<id>", OWN, False),
        ("<yours>", OWN, True),
        ("CHANGE_ME", FREE, True),
        ("changeme", FREE, True),
        ("REPLACE_ME", OWN, True),
        ("TODO", FREE, True),
        ("https://<host>/", FREE, True),
    ],
)
def test_a_placeholder_stands_for_the_whole_value(
    value: str, variable: Variable, is_one: bool
) -> None:
    schema = EnvSchema(schema=1, variables={"X": variable})
    found = rules.findings(
        dotenv.scan(f"X='{value}'\n", "x.env"),
        schema,
        images={},
        provided=frozenset(),
        exported={},
    )
    assert any("placeholder" in str(finding) for finding in found) == is_one


def test_a_good_file_passes() -> None:
    rules.check(
        dotenv.parse(lines(IMAGE="r@sha256:1"), "x.env"),
        SCHEMA,
        images={"IMAGE": "r@sha256:1"},
        provided=frozenset(),
        exported={"HOME": "/"},
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("PORT=1\n", "x.env: URL is missing; add it: A URL."),
        (lines(URL=""), "x.env:1: URL is empty; fill it in: A URL."),
        (lines(URL="''"), "x.env:1: URL is empty; fill it in: A URL."),
        (lines(URL="CHANGE_ME"), "x.env:1: URL still holds a placeholder; fill it in: A URL."),
        (lines(URL="https://<key>"), "x.env:1: URL still holds a placeholder; fill it in: A URL."),
        (lines(PORT="YOURS"), "x.env:4: PORT still holds a placeholder; fill it in: A port."),
        (lines(URL="ftp://x"), "x.env:1: URL does not have the right form; write: A URL."),
        (lines(PORT="12x"), "x.env:4: PORT does not have the right form; write: A port."),
        (lines(OTHER='"a\nb"'), "x.env:4: OTHER holds a line break; write it in one line"),
        (lines(OTHER='"a\\rb"'), "x.env:4: OTHER holds a line break; write it in one line"),
        (lines(KEY_B="cd" * 16), "x.env:3: KEY_B must equal KEY_A"),
        (f"URL={SECRET}\nKEY_B=x\n", "x.env:2: KEY_B must equal KEY_A"),
        (f"URL={SECRET}\nKEY_A={'ab' * 16}\n", "x.env: KEY_B must equal KEY_A"),
        (lines(KEY_B="0x" + "cd" * 16), "x.env:3: KEY_B must equal KEY_A; copy its value\n"),
        (lines(OTHER="0xAB" + "ab" * 15), "x.env:4: OTHER must differ from KEY_A; make a new one"),
        (lines(OTHER="ab" * 16), "x.env:4: OTHER must differ from KEY_A"),
        (lines(PROT="1"), "x.env:4: PROT is not a variable of this stack; did you mean PORT?"),
        (lines(ZZZZ="1"), "x.env:4: ZZZZ is not a variable of this stack; remove the line\n"),
        (lines(IMAGE="r@sha256:2"), "x.env:4: IMAGE comes from the release; remove the line\n"),
        (lines(ROWS="5"), "x.env:4: ROWS comes from a document's manifest"),
        (lines(ROWS=""), "x.env:4: ROWS comes from a document's manifest"),
        ("\n# about\n\n" + lines(PROT="1"), "x.env:7: PROT is not a variable"),
    ],
)
def test_each_finding_has_its_line_and_no_value(text: str, says: str) -> None:
    message = refusal(text)
    first, *rest = message.splitlines(keepends=True)
    assert first.startswith(says.rstrip("\n"))
    assert says.endswith("\n") <= (first == says)
    assert rest == [
        "state: nothing was changed\n",
        "next:  fix what is named and run the same command again",
    ]
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "changes",
    [
        {"IMAGE": ""},
        {"IMAGE": "r@sha256:1"},
        {"OTHER": ""},
        {"PORT": ""},
        {"URL": "https://todolist.example/"},
        {"KEY_A": "", "KEY_B": ""},
        {"KEY_B": "0x" + "AB" * 16},
    ],
)
def test_what_is_let_pass(changes: dict[str, str]) -> None:
    env = dotenv.parse(lines(**changes), "x.env")
    images = {"IMAGE": "r@sha256:1"}
    rules.check(env, SCHEMA, images=images, provided=frozenset(), exported={})
    assert env.values == {**GOOD, **changes}


@pytest.mark.parametrize("name", ["PORT", "IMAGE", "ROWS"])
def test_what_the_shell_exports_would_win(name: str) -> None:
    assert refusal(lines(), {name: "", "HOME": "/"}).splitlines()[0] == (
        f"x.env: {name} is exported in this shell and would beat this file; `unset {name}`"
    )


def test_all_findings_at_once() -> None:
    message = refusal("PROT=1\nPORT=x\nOTHER=TODO\nIMAGE=y\n", {"PORT": "2", "IMAGE": "3"})
    assert message.splitlines() == [
        "x.env: 7 findings",
        "  x.env:1: PROT is not a variable of this stack; did you mean PORT?",
        "  x.env:2: PORT does not have the right form; write: A port. (pattern: [0-9]+)",
        "  x.env:3: OTHER still holds a placeholder; fill it in: Another key.",
        "  x.env:4: IMAGE comes from the release; remove the line",
        "  x.env: URL is missing; add it: A URL.",
        "  x.env: IMAGE is exported in this shell and would beat this file; `unset IMAGE`",
        "  x.env: PORT is exported in this shell and would beat this file; `unset PORT`",
        "state: nothing was changed",
        "next:  fix what is named and run the same command again",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("A=1\n\n# c\nA=2\n", "x.env:4: A stands in line 1 already; remove one"),
        ("A=1\nA\n", "x.env:2: is not a NAME=value line; fix or remove it"),
        ("A=1\nnot an assignment 'x\n", "x.env:2: is not a NAME=value line; fix or remove it"),
        ("A='1\n", "x.env:1: is not a NAME=value line; fix or remove it"),
        ('A="1" 2\n', "x.env:1: is not a NAME=value line; fix or remove it"),
        ("=1\n", "x.env:1: is not a NAME=value line; fix or remove it"),
        ("1A=1\n", "x.env:1: is not a NAME=value line; fix or remove it"),
        ("A-B=1\n", "x.env:1: is not a NAME=value line; fix or remove it"),
        (
            "\n\nhttps://rpc.example/v2/key?a=b\n",
            "x.env:3: is not a NAME=value line; fix or remove it",
        ),
        ("A=1\nB=a\0b\n", "x.env:2: B holds a NUL byte; write the line again"),
        ("A=1\rB=2\n", "x.env:1: a carriage return stands within the line; end each with \\n"),
        ("# c\rA=2\n", "x.env:1: a carriage return stands within the line; end each with \\n"),
        *(
            (
                line,
                "x.env:1: A has odd white space or a control character; remove it, or write it in"
                " single quotes: NAME='…'",
            )
            for line in ("A=\xa0x", "A=x\x85", "A=x\u2028#c", "A=\x0bx", "A=\x1b[0m", "A\xa0='x'")
        ),
        ("\x0c\n", "x.env:1: is not a NAME=value line; fix or remove it"),
        ("export #c\n", "x.env:1: is not a NAME=value line; fix or remove it"),
        ("export A\n", "x.env:1: is not a NAME=value line; fix or remove it"),
    ],
)
def test_what_cannot_be_parsed(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        dotenv.parse(text, "x.env")
    assert caught.value.what == says


def test_every_line_that_cannot_be_parsed_is_named() -> None:
    with pytest.raises(InputError) as caught:
        dotenv.parse("A=1\nA=2\n?\nB=1\nA=3\n", "x.env")
    assert caught.value.detail == (
        "x.env:2: A stands in line 1 already; remove one",
        "x.env:3: is not a NAME=value line; fix or remove it",
        "x.env:5: A stands in line 2 already; remove one",
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("V=a#b", "a#b"),
        ("V=a # b", "a"),
        ("V= # b", ""),
        ("V=", ""),
        ("V=''", ""),
        ("export V=a", "a"),
        ("V = a ", "a"),
        ("  V=a", "a"),
        ("V='a $b'", "a $b"),
        ("V=' a # '", " a # "),
        ("V='it\\'s'", "it's"),
        ("V=$b", "$b"),
        ("V=${B:-x}", "${B:-x}"),
        ('V="a b" # c', "a b"),
        ('V="a\\"b"', 'a"b'),
        ("V='a=\"\\$\"'", 'a="\\$"'),
        ('V=a="\\$"', 'a="\\$"'),
        ('V="a$b"', "a$b"),
        ('V="a\\$b"', "a$b"),  # as Compose reads it
        ('V="a\\\\$b"', "a\\$b"),
        ('V="a\\\\\\$b"', "a\\$b"),
        ('V="a\\tb\\qc"', "a\tb\\qc"),
        ("\ufeffV=a", "a"),
        ("V=a\r\n", "a"),
        ("\r\n# c\r\nV=a\r\n", "a"),
        ("# V=b\nV=a", "a"),
    ],
)
def test_how_values_are_read(text: str, value: str) -> None:
    assert dotenv.scan(text, "x").values == {"V": value}


def test_lines_are_counted_through_blanks_comments_and_crlf() -> None:
    env = dotenv.parse("\ufeff# c\r\n\r\nA=1\r\nB='2'\r\n# d\r\n\r\nC=3", "x.env")
    assert env.lines == {"A": 3, "B": 4, "C": 7}
    assert (env.at("C"), env.at("D")) == ("x.env:7", "x.env")


# Compose and python-dotenv end a line at these, and nothing else: not at U+2028 or U+0085.
one_line = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
awkward = st.text("ab '\"\\$#={}`\t\u2028\x85", max_size=12)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


@settings(deadline=None)
@given(st.dictionaries(names, one_line | awkward, max_size=5), one_line)
def test_what_is_written_is_read_back(values: dict[str, str], header: str) -> None:
    assert dotenv.parse(dotenv.render(values, header=header), "x").values == values


def test_a_header_is_a_comment_on_each_line() -> None:
    text = dotenv.render({"B": "2", "A": "1"}, header="Made by\nA=tool")
    assert text == "# Made by\n# A=tool\nA='1'\nB='2'\n"


# What no message of ours says by itself.
_SAID_BY_NOBODY = "αβγδεζ/?&:.@%$"
_letters = st.text(_SAID_BY_NOBODY, min_size=3, max_size=6)
_marks = st.text("'\" \\", max_size=3)
_middle = st.text(_SAID_BY_NOBODY + "'\" \\", max_size=6)
hidden = st.tuples(_marks, _letters, _middle, _letters, _marks).map("".join)
forms = st.sampled_from(
    [
        *("URL={}", "URL=https://{}", "KEY_A='{}", 'KEY_B="{}"', "OTHER='{}'", "PROT={}"),
        *("PORT={}", "IMAGE={}", "ROWS={}", "export URL={}", "TWICE={}", "export {}", "'{}'=1"),
        *("{}", "{} = 1", "https://{}=x", "A B={}", "= {}", "URL=CHANGE_ME{}"),
    ]
)


@settings(deadline=None)
@given(hidden, st.lists(forms, min_size=1, max_size=6))
def test_no_value_is_ever_in_a_message(secret: str, shapes: list[str]) -> None:
    text = "\n".join(["PROT=always refused", *(shape.format(secret) for shape in shapes)])
    message = refusal(text, {"URL": secret, "PORT": secret})
    assert not set(message) & set("αβγδεζ")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x.env"
    path.write_text(f"URL={SECRET}\n")
    path.chmod(mode)
    with pytest.raises(InputError) as caught:
        env_file.load(path)
    assert caught.value.what == (
        f"{path}: mode is {mode:04o}, so others may read its secrets; chmod 600 {path}"
    )


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_file_of_ones_own(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "x.env"
    path.write_text("# c\nA=1\n")
    path.chmod(mode)
    env = env_file.load(path)
    assert env.values == {"A": "1"}
    assert env.at("A") == f"{path}:2"


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    with pytest.raises(InputError, match=r"x\.env: there is no such env file") as caught:
        env_file.load(path)
    assert "--env-file" in caught.value.hint
    with pytest.raises(InputError, match="is a folder, not an env file"):
        env_file.load(tmp_path)
    path.touch(mode=0o600)
    path.write_bytes(b"URL=hunter2\xff\n")
    with pytest.raises(InputError) as caught:
        env_file.load(path)
    assert caught.value.what == f"{path}:1: is not UTF-8; save the file as UTF-8"
    assert "hunter2" not in caught.value.message()
    with pytest.raises(InputError, match="cannot be read: Not a directory"):
        env_file.load(path / "y.env")
    path.write_bytes(b"A=1\n" * 100_000)
    with pytest.raises(InputError, match="larger than 256 KiB, so it is not an env file"):
        env_file.load(path)


def test_what_is_no_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a regular file"):
            env_file.load(path)


def test_generated_keys_are_fresh_and_shared() -> None:
    one, two = (templates.generate(SCHEMA, {"URL": "x"}, token_hex) for _ in range(2))
    assert one["KEY_A"] == one["KEY_B"]
    assert one["KEY_A"] != two["KEY_A"]
    assert len(bytes.fromhex(one["KEY_A"])) == 16
    assert one.keys() == {"URL", "KEY_A", "KEY_B"}


def test_given_values_are_kept() -> None:
    given_ = {"KEY_A": "mine", "URL": ""}
    assert templates.generate(SCHEMA, given_, token_hex) == {
        "KEY_A": "mine",
        "KEY_B": "mine",
        "URL": "",
    }
    assert given_ == {"KEY_A": "mine", "URL": ""}
    assert templates.generate(SCHEMA, {"KEY_A": "a", "KEY_B": "b"}, token_hex) == {
        "KEY_A": "a",
        "KEY_B": "b",
    }


def test_what_equals_another_is_followed_to_its_source() -> None:
    schema = EnvSchema(
        schema=1,
        variables={
            "C": Variable(about="x", same_as="B"),
            "B": Variable(about="x", same_as="A"),
            "A": Variable(about="x", generate="hex32"),
            "D": Variable(about="x", same_as="C"),
            "NONE": Variable(about="x", same_as="UNSET"),
            "UNSET": Variable(about="x"),
        },
    )
    values = templates.generate(schema, {}, token_hex)
    assert values == dict.fromkeys("ABCD", values["A"])
    assert len(bytes.fromhex(values["A"])) == 32


@settings(deadline=None)
@given(st.dictionaries(names, one_line, min_size=1), st.binary(min_size=1), st.randoms())
def test_a_fingerprint_depends_on_key_and_values_only(
    values: dict[str, str], key: bytes, random: Random
) -> None:
    one = dotenv.fingerprint(values, key)
    shuffled = list(values.items())
    random.shuffle(shuffled)
    name, value = shuffled[0]
    assert one == dotenv.fingerprint(dict(shuffled), key)
    assert one != dotenv.fingerprint({**values, name: value + "x"}, key)
    assert one != dotenv.fingerprint({**values, name + "_": ""}, key)
    assert one != dotenv.fingerprint({k: v for k, v in values.items() if k != name}, key)
    assert one != dotenv.fingerprint(values, key + b"x")
    assert len(one) == 16


def test_names_and_values_do_not_run_together() -> None:
    one = dotenv.fingerprint({"A": "1", "B": "2"}, b"k")
    assert one != dotenv.fingerprint({"A": "12", "B": ""}, b"k")
    assert one != dotenv.fingerprint({"A": '1","B":"2'}, b"k")


def test_secrets_are_what_the_schema_calls_so_and_what_it_does_not_know() -> None:
    values = {"URL": SECRET, "PORT": "8000", "UNKNOWN": "perhaps", "KEY_A": ""}
    assert SCHEMA.secrets(values) == (SECRET, "perhaps")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('X="postgres://${U}@db"', "put it together in the compose file"),
        ("X=pre${OTHER:-x}", "put it together in the compose file"),
        ('X="a$b"', "write it in single quotes"),
        ("X=$HOME", "write it in single quotes"),
    ],
)
def test_what_to_do_with_a_dollar(line: str, says: str) -> None:
    """In single quotes `${U}` would be another value than the one that was meant."""
    (finding,) = dotenv.scan(f"{line}\n", "x.env").findings
    assert says in str(finding)
    assert ("write the value out" in str(finding)) == ("${" in line)
