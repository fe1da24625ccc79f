"""The report of a runbook's run reads well, whatever a command wrote and a person typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from morphops.core.runbook import transcript
from tests.samples.runbooks import result

# What Markdown takes for something else.
markup = st.text("`~#|-*_<>[]()!\\ abc", max_size=20)


def report(*results: dict[str, Any], **inputs: str) -> str:
    begin = {
        "entry": "begin",
        "runbook": "deploy",
        "section": "deploy-a-release",
        "digest": "sha256:1",
        "user": "root",
        "host": "vm",
        "at": "2026-01-01T00:00:00+00:00",
        "release": "",
        "inputs": inputs,
    }
    end = {"entry": "end", "outcome": "passed", "at": "2026-01-01T00:00:03+00:00", "release": "r"}
    return transcript.report([begin, *results, end], "Deploy", "0" * 64)


def test_it_tells_what_was_done() -> None:
    text = report(result(), result(passed=False, output=["no room"]), reason="a | b")
    assert "| outcome | passed |" in text
    assert "| input reason | a \\| b |" in text
    assert "## 1. Deploy it: passed\n\n```sh\ninv deploy\n```\n" in text
    assert "## 2. Deploy it: **failed**" in text
    assert text.endswith("```text\nno room\n```\n")


@given(st.lists(markup, max_size=4), markup)
def test_nothing_that_was_written_breaks_out_of_its_fence(output: list[str], said: str) -> None:
    text = report(result(output=output, command=f"inv x '{said}'"), result())
    tokens = MarkdownIt("commonmark").parse(text)
    fences = [token.content.splitlines() for token in tokens if token.type == "fence"]
    assert fences[0] == [f"inv x '{said}'"]
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h1", "h2", "h2"]
    if output:
        assert fences[1] == [line.rstrip("\n") for line in output]


ROW = {"what": "late", "text": "api: late"}


@pytest.mark.parametrize(
    ("document", "what", "detail", "hint"),
    [
        (None, "", (), ""),
        ([1], "", (), ""),
        ({"state": "ok", "findings": [], "next": ""}, "", (), ""),
        ({"findings": "x", "next": "inv logs"}, "", (), ""),
        (
            {"error": {"what": "no", "detail": ["a"], "next": "inv status"}},
            "no",
            ("a",),
            "inv status",
        ),
        ({"findings": [ROW], "next": "inv logs"}, "api: late", (), "inv logs"),
        (
            {"findings": [ROW, {"text": "db: late"}], "next": "inv logs"},
            "2 findings",
            ("api: late", "db: late"),
            "inv logs",
        ),
    ],
)
def test_what_a_command_says_of_its_failure(
    document: object, what: str, detail: tuple[str, ...], hint: str
) -> None:
    told = transcript.failure(document)
    assert (told.what, told.detail, told.hint) == (what, detail, hint)


@pytest.mark.parametrize(
    "name",
    [
        "Bob\n\n## 9. Everything else: passed",
        "Bob <script>alert(1)</script>",
        "*Bob* [x](y)",
        "`Bob`",
    ],
)
def test_who_signed_off_is_told_as_text(name: str) -> None:
    text = report(result(signed_by=name))
    html = MarkdownIt().render(text)
    assert html.count("<h2>") == 1
    assert "<script>" not in html
    assert "<em>Bob" not in html
    assert "<a href" not in html
    assert "<code>Bob" not in html
