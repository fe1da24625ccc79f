"""Secrets are taken out of text."""

from __future__ import annotations

import base64
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morphops.core.redact import Redactor

URL = "https://user:hunter2hunter2@rpc.example/v2/abcdef012345?token=s3cr3tt0ken&x=1"
ENCODED = "https://sysadmin:p%40ss%2Fw0rd@rpc.example/p/a%2Bkey%3D012?sig=q%26ery%20value"


@pytest.mark.parametrize(
    "said",
    [
        URL,
        f"GET {URL}: 401",
        "cannot reach /v2/abcdef012345?token=s3cr3tt0ken&x=1",
        "cannot reach https://rpc.example/v2/abcdef012345",
        "password hunter2hunter2 refused",
        "key abcdef012345",
        "s3cr3tt0ken",
        quote(URL, safe=""),
        quote(URL),
    ],
)
def test_a_url_and_each_of_its_secret_parts(said: str) -> None:
    text = Redactor([URL])(said)
    for secret in ("hunter2", "abcdef012345", "s3cr3t"):
        assert secret not in text
    assert "REDACTED" in text


@pytest.mark.parametrize(
    "said",
    [
        ENCODED,
        "login sysadmin",
        "p%40ss%2Fw0rd",
        "p@ss/w0rd",  # as the program that uses the URL may name it
        "a%2Bkey%3D012",
        "a+key=012",
        "q%26ery%20value",
        "q&ery value",
        "q%26ery+value",
        "p%40ss/w0rd",
    ],
)
def test_a_part_as_it_stands_in_the_url_and_as_it_is_meant(said: str) -> None:
    text = Redactor([ENCODED])(f"it said: {said}.")
    assert "REDACTED" in text
    for rest in ("sysadmin", "w0rd", "key", "ery"):
        assert rest not in text


def test_what_is_ordinary_in_a_url_stays() -> None:
    redact = Redactor([URL])
    assert redact("https://rpc.example:8545/ v2 x=1") == "https://rpc.example:8545/ v2 x=1"


@pytest.mark.parametrize("secret", ["p@ss word/1", "a+b=c&d?e", "ключ-секрет", "100%sure!"])
def test_a_secret_that_is_no_url_is_found_url_encoded(secret: str) -> None:
    redact = Redactor([secret])
    for form in (secret, quote(secret), quote(secret, safe="")):
        assert redact(f"<{form}>") == "<REDACTED>"


@pytest.mark.parametrize("order", [1, -1])
def test_the_longest_first(order: int) -> None:
    redact = Redactor(["secret-one", "secret-one-and-more", "one-and-more"][::order])
    assert redact("secret-one-and-more, secret-one") == "REDACTED, REDACTED"


def test_the_mask_itself_is_left_alone() -> None:
    assert Redactor(["REDACTE", "longer-secret"])("longer-secret") == "REDACTED"


@pytest.mark.parametrize("short", ["", "dev", "8545", "x" * 5])
def test_short_values_stay(short: str) -> None:
    assert Redactor([short])(f"in {short} dev on 8545 xxxxx") == f"in {short} dev on 8545 xxxxx"
    assert Redactor(["x" * 6])("x" * 6) == "REDACTED"


def test_it_learns() -> None:
    redact = Redactor()
    assert redact("a-new-secret") == "a-new-secret"
    redact.learn(["a-new-secret"])
    redact.learn(["a-new-secret-2"])
    assert redact.lines(["a-new-secret", "x"]) == ("REDACTED", "x")
    assert redact("a-new-secret-2 a-new-secret") == "REDACTED REDACTED"


@pytest.mark.parametrize(
    "secret", ["https://[broken/abcdefgh", "http://x:port/abcdefgh", "://////"]
)
def test_a_malformed_url_is_still_a_secret(secret: str) -> None:
    assert Redactor([secret])(f"see {secret}!") == "see REDACTED!"


@given(
    st.lists(st.text("αβγδ/:@?&=%", min_size=6), min_size=1, max_size=4),
    st.lists(st.integers(0, 3), max_size=6),
)
def test_no_secret_is_left(secrets: list[str], places: list[int]) -> None:
    redact = Redactor(secrets)
    text = " and ".join(secrets[place % len(secrets)] for place in places)
    shown = redact(text)
    assert not any(secret in shown for secret in secrets)
    assert redact(shown) == shown


def test_every_text_of_a_json_value() -> None:
    redact = Redactor(['quo"ted and\\escaped'])
    value = {"a": ['x quo"ted and\\escaped y', 5, None, {'quo"ted and\\escaped': ("b",)}]}
    assert redact.within(value) == {"a": ["x REDACTED y", 5, None, {"REDACTED": ["b"]}]}


def as_go(text: str) -> str:
    """JSON as Go's encoder and Compose write it: `&`, `<` and `>` are escaped."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    return plain.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def lowered(text: str) -> str:
    """Percent-encoded with digits in lower case, which RFC 3986 (2.1) has mean the same."""
    return re.sub("%..", lambda code: code[0].lower(), quote(text, safe=""))


WAYS: dict[str, Callable[[str], str]] = {
    "json": lambda text: json.dumps(text)[1:-1],
    "json, upper": lambda text: re.sub(
        r"\\(u....|.)",
        lambda code: code[0] if len(code[0]) == 2 else f"\\u{code[0][2:].upper()}",
        json.dumps(text)[1:-1],
    ),
    "json, not ASCII": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json of Go": as_go,
    "json, slashes too": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json in json": lambda text: json.dumps(json.dumps(text))[3:-3],
    "json of Go in json": lambda text: json.dumps(as_go(text))[1:-1],
    "percent": lambda text: quote(text, safe=""),
    "percent, lower": lowered,
    "percent of percent": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "secret",
    ['p"ss&w<o>rd', "back\\slash", "a\ttab and / more", "ключ-секрет", "a😀b?c&d", "all of 100%"],
)
def test_as_it_is_written_elsewhere(secret: str, way: Callable[[str], str]) -> None:
    assert Redactor([secret])(f'{{"a": "{way(secret)}"}}') == '{"a": "REDACTED"}'


# As `str.isprintable` has it: of the separators only the blank.
PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("part", ["p@ss/w0rd", "q&ery value", "a+key=012"])
def test_a_part_of_a_url_as_it_is_written_elsewhere(part: str, way: Callable[[str], str]) -> None:
    assert Redactor([ENCODED])(f"<{way(part)}>") == "<REDACTED>"


@given(st.text(PRINTABLE, min_size=6), st.sampled_from([*WAYS]))
def test_in_every_way(secret: str, way: str) -> None:
    assert Redactor([secret])(f"«{WAYS[way](secret)}»") == "«REDACTED»"


def base64_of(encode: Callable[[bytes], bytes]) -> Callable[[bytes], str]:
    return lambda data: encode(data).decode()


ENCODED_AS: dict[str, Callable[[bytes], str]] = {
    "base64": base64_of(base64.b64encode),
    "base64 of a URL": base64_of(base64.urlsafe_b64encode),
    "base64, percent-encoded": lambda data: quote(base64.b64encode(data), safe=""),
    "base64 in JSON, slashes too": lambda data: base64.b64encode(data).decode().replace("/", "\\/"),
    "hex": bytes.hex,
    "hex, upper": lambda data: data.hex().upper(),
    "hex, with colons": lambda data: data.hex(":"),
    "hex, with blanks": lambda data: data.hex(" "),
}


BEFORE = ("", "u", "us", "user:", "a longer user:")
AFTER = ("", "x", "xy", " and more of it")


@pytest.mark.parametrize("way", ENCODED_AS.values(), ids=ENCODED_AS)
@pytest.mark.parametrize("secret", ["hunter2hunter2", "sixsix", "ключ-секрет", "???>>>???"])
def test_in_the_middle_of_what_is_encoded(secret: str, way: Callable[[bytes], str]) -> None:
    redact = Redactor([secret])
    for before, after in itertools.product(BEFORE, AFTER):
        shown = redact(f"said <{way(f'{before}{secret}{after}'.encode())}>.")
        left, right = shown.removeprefix("said <").removesuffix(">.").split("REDACTED")
        # What is left is of what stands around it, and of what fills it up (`%3D%3D`).
        assert len(left) <= len(way(before.encode())) + 3
        assert len(right) <= len(way(after.encode())) + 8


@given(
    st.text(PRINTABLE, min_size=6, max_size=20),
    st.binary(max_size=9),
    st.binary(max_size=9),
    st.sampled_from([*ENCODED_AS]),
)
def test_encoded_with_anything_around_it(
    secret: str, before: bytes, after: bytes, way: str
) -> None:
    shown = Redactor([secret])(ENCODED_AS[way](before + secret.encode() + after))
    assert "REDACTED" in shown


BASIC = "Basic " + base64.b64encode(b"user:p@ss/w0rd").decode()


def test_the_header_of_a_basic_authorization() -> None:
    redact = Redactor(["https://user:p%40ss%2Fw0rd@registry.example/v2"])
    assert "REDACTED" in redact(f"Authorization: {BASIC}")
    assert base64.b64encode(b"p@ss/w0rd").decode()[:8] not in redact(BASIC)


PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("secret", "said", "shown"),
    [
        (PEM, "line 2 is hkiG9w0BAQEFAASC", "line 2 is REDACTED"),
        ("ключ-секрет", f"got {'ключ-секрет'.encode()!r}", "got b'REDACTED'"),
        ("hunter2hunter2", "a \x1b[31mhunter2\x1b[0mhunter2\x1b[1m!", "a REDACTED!"),
        ("hunter2hunter2", "\x1b[31mhunter2hunter2\x1b[0m", "REDACTED"),
        ("hunter2hunter2", "\x1b[31mnothing\x1b[0m", "\x1b[31mnothing\x1b[0m"),
    ],
)
def test_parts_and_colours(secret: str, said: str, shown: str) -> None:
    assert Redactor([secret])(said) == shown


def test_what_only_begins_alike_is_left() -> None:
    redact = Redactor(["hunter2hunter2"])
    for data in (b"hunter", b"nothing of it", b"HUNTER2HUNTER2", bytes(100)):
        for way in ENCODED_AS.values():
            assert redact(way(data)) == way(data)


# Of the CPU, so that a busy machine changes nothing: no wait counts.
LONG = """
import resource
import sys
from morphops.core.redact import Redactor
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
redact = Redactor(
    [
        "https://u:pw@rpc.example/v2/AbCdEf123456?token=s%20x",
        chr(92) * 20 + '"' * 20 + "%25" * 20,
        "%%%%%%%a",
        "  %  abc",
        "+/" * 4,
    ]
)
for unit in sys.argv[1:]:
    print(repr(unit))
    redact((unit * 100_000)[:100_000])
"""


ALL_ESCAPES = [
    "\\",
    *("%", "%25", "%5c"),
    *("+", "/", "+/", " ", '"', "'", "\n"),
    *("\\" * 99 + '"', "\\" * 20 + '"' * 19, "\\u00", '\\"'),
    *("%" + "25" * 500, "a", "0", "é"),
    *("A", "aHR0", "68", "6 ", "68:", "\x1b", "\x1b[0m", "\x1b[0"),
]


def test_what_is_all_escapes_takes_a_time_that_grows_with_its_length() -> None:
    """A hundred thousand characters each: tenths of a second. Their square would be a minute each,
    and the process is killed before that. What it was at is the last that it wrote.
    """
    done = subprocess.run(
        [sys.executable, "-uc", LONG, *ALL_ESCAPES], stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
