"""Secrets are taken out of text."""

from __future__ import annotations

import pytest

from morphops.redact import Redactor

URL = "https://user:hunter2hunter2@rpc.example/v2/abcdef012345?token=s3cr3tt0ken"


@pytest.mark.parametrize(
    "said",
    [
        URL,
        "cannot reach /v2/abcdef012345?token=s3cr3tt0ken",
        "password hunter2hunter2 refused",
        "key abcdef012345",
        "s3cr3tt0ken",
        "https%3A%2F%2Fuser%3Ahunter2hunter2%40rpc.example%2Fv2%2Fabcdef012345",
    ],
)
def test_a_url_and_each_of_its_secret_parts(said: str) -> None:
    text = Redactor([URL])(said)
    for secret in ("hunter2", "abcdef012345", "s3cr3t"):
        assert secret not in text
    assert "REDACTED" in text


def test_the_longest_first_and_short_words_stay() -> None:
    redact = Redactor(["secret-one", "secret-one-and-more", "dev", ""])
    assert redact("secret-one-and-more dev") == "REDACTED dev"


def test_it_learns() -> None:
    redact = Redactor()
    assert redact("a-new-secret") == "a-new-secret"
    redact.learn(["a-new-secret"])
    assert redact.lines(["a-new-secret", "x"]) == ("REDACTED", "x")
