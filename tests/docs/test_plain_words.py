"""The documents are in plain words: short sentences, the terms of the field, links that lead on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.docs import prose
from tests.docs.house_words import HOUSE_WORDS
from tests.docs.house_words import found_in as house_words_in

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).parents[2]
PAGES = prose.read(
    ROOT,
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**/*.md",
    "runbooks/*.md",
    "ops/README.md",
    "ops/services/README.md",
)
INDEX = "docs/README.md"
MOST_LINES = 150  # of the README


def house_words(markdown: str) -> Iterator[str]:
    for passage in prose.passages(markdown):
        for found in house_words_in(passage.text):
            yield f"{passage.line}: {found}"


def broken_links(name: str, pages: Mapping[str, str], root: Path) -> Iterator[str]:
    for passage in prose.passages(pages[name]):
        for link in passage.links:
            found = prose.target(name, link)
            if found is None:
                continue
            path, anchor = found
            if path not in pages and not (root / path).exists():
                yield f"{passage.line}: {link} leads nowhere"
            elif anchor and anchor not in prose.anchors(pages.get(path, "")):
                yield f"{passage.line}: {link}: the page has no such heading"


def unreachable(pages: Mapping[str, str]) -> set[str]:
    """The pages of docs/ that no chain of links from its index reaches."""
    seen, queue = {INDEX}, [INDEX]
    while queue:
        name = queue.pop()
        for passage in prose.passages(pages[name]):
            for link in passage.links:
                found = prose.target(name, link)
                if found and found[0] in pages and found[0] not in seen:
                    seen.add(found[0])
                    queue.append(found[0])
    return {name for name in pages if name.startswith("docs/")} - seen


def test_no_sentence_is_too_long() -> None:
    assert [
        f"{name}:{at}" for name, page in PAGES.items() for at in prose.long_sentences(page)
    ] == []


def test_no_house_word() -> None:
    assert [f"{name}:{at}" for name, page in PAGES.items() for at in house_words(page)] == []


def test_every_link_leads_somewhere() -> None:
    assert [f"{name}:{at}" for name in PAGES for at in broken_links(name, PAGES, ROOT)] == []


def test_every_page_is_reachable_from_the_index() -> None:
    assert unreachable(PAGES) == set()


def test_the_index_names_every_page_itself() -> None:
    named = {
        found[0]
        for passage in prose.passages(PAGES[INDEX])
        for link in passage.links
        if (found := prose.target(INDEX, link))
    }
    assert {name for name in PAGES if name.startswith("docs/")} - named == {INDEX}


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= MOST_LINES


def test_the_documents_are_there() -> None:
    """A pattern that matches nothing would pass every test above."""
    names = set(PAGES)
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "ops/README.md"} <= names
    assert {"ops/services/README.md", "runbooks/deploy.md", INDEX, "docs/glossary.md"} <= names
    assert {"how-to", "reference", "explanation"} <= {
        name.split("/")[1] for name in names if "/" in name
    }


# That each check can fail, and where it must not.

TWENTY_FIVE = " ".join(["word"] * 25)


@pytest.mark.parametrize(
    ("markdown", "count"),
    [
        (f"{TWENTY_FIVE}.", 0),
        (f"{TWENTY_FIVE} more.", 1),
        (f"{TWENTY_FIVE}\nmore.", 1),  # a new line ends no sentence
        (f"{TWENTY_FIVE}; more.", 1),  # nor does a semicolon
        (f"{TWENTY_FIVE}: more.", 1),
        (f"{TWENTY_FIVE}. More.", 0),
        (f"{TWENTY_FIVE}? More.", 0),
        (f"({TWENTY_FIVE}.) More.", 0),
        (f"{TWENTY_FIVE}. `code` more.", 0),
        (f"{TWENTY_FIVE} a.b more.", 1),  # a point inside of a name ends none
        (f"- {TWENTY_FIVE} more", 1),
        (f"# {TWENTY_FIVE} more", 1),
        (f"> {TWENTY_FIVE} more", 1),
        (f"| a |\n|---|\n| {TWENTY_FIVE} more |", 0),  # a table is no sentence
        (f"```sh\n{TWENTY_FIVE} more\n```", 0),
        (f"```text {{name=a task=manual}}\n{TWENTY_FIVE} more\n```", 1),  # a person reads that
        (f"---\nabout: {TWENTY_FIVE} more\n---\nText.", 0),
        (f"{' '.join(['word'] * 24)} `inv deploy --image=x --plan`", 0),  # code is one word
        (f"{TWENTY_FIVE} `code`", 1),
        (f"{' '.join(['word'] * 24)} [word](https://example.com/a/b c)", 1),
        (f"{' '.join(['word'] * 24)} [word](https://example.com/a%20b)", 0),
        (f"{TWENTY_FIVE} → – —", 0),  # signs are no words
    ],
)
def test_long_sentences_are_found(markdown: str, count: int) -> None:
    assert len(list(prose.long_sentences(markdown))) == count


BAD_WORDS = [
    ("There is no way back.", "'way back'"),
    ("It was cut\noff.", "'cut off'"),
    ("A cut-off run.", "'cut-off'"),
    ("It mends that.", "'mends'"),
    ("Whoever did it.", "'Whoever'"),
    ("Write it anew.", "'anew'"),
    ("Ere that.", "'Ere'"),
    ("It shall run.", "'shall'"),
    ("Whither it goes.", "'Whither'"),
    ("The URL is none of http.", "'is none of'"),
    ("It goes back by itself.", "'by itself'"),
    ("Changed behind our back.", "'behind our back'"),
    ("It went astray.", "'astray'"),
    ("Somebody did.", "'Somebody'"),
    ("The values of then.", "'of then'"),
    ("Waiting is in vain.", "'in vain'"),
    ("It is not to be had.", "'to be had'"),
    ("It runs all the same.", "'all the same'"),
    ("It comes to nothing.", "'comes to nothing'"),
    ("Hooks are told of it.", "'are told of'"),
    ("See who is at it.", "'is at it'"),
    ("Its last words.", "'last words'"),
    ("It lets go of that.", "'lets go of'"),
    ("| a |\n|---|\n| anew |", "'anew'"),  # in tables too
    ("# A deploy was cut off", "'cut off'"),
    ("```text {task=manual}\nMend it.\n```", "'Mend'"),
    ("`cut_off` and `by itself`", ""),  # code is as it is
    ("```\nanew\n```", ""),
    ("There were renewals; it amends, recommends, and is here.", ""),
]


@pytest.mark.parametrize(("markdown", "found"), BAD_WORDS)
def test_house_words_are_found(markdown: str, found: str) -> None:
    said = list(house_words(markdown))
    assert (len(said), found in "".join(said)) == (1 if found else 0, True)


def test_every_house_word_was_seen_to_be_found() -> None:
    text = " ".join(" ".join(markdown for markdown, found in BAD_WORDS if found).split())
    assert [w for w in HOUSE_WORDS if not re.search(rf"\b{w}\b", text, re.IGNORECASE)] == []


@pytest.mark.parametrize(
    ("link", "says"),
    [
        ("other.md", ""),
        ("other.md#a-heading", ""),
        ("other.md#a-heading-1", ""),  # the second of that name
        ("#here", ""),
        ("../file.txt", ""),
        ("https://example.com/x.md#y", ""),
        ("missing.md", "leads nowhere"),
        ("../missing.txt", "leads nowhere"),
        ("other.md#a-heading-2", "no such heading"),
        ("#there", "no such heading"),
        ("../file.txt#here", "no such heading"),
    ],
)
def test_broken_links_are_found(link: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    pages = {
        "docs/page.md": f"# Here\n\n- see [this]({link})\n",
        "docs/other.md": "# A heading\n\n## `A` heading!\n",
    }
    said = list(broken_links("docs/page.md", pages, tmp_path))
    assert (len(said), says in "".join(said)) == (1 if says else 0, True)


def test_an_unreachable_page_is_found() -> None:
    pages = {
        INDEX: "[a](how-to/a.md)",
        "docs/how-to/a.md": "[b](../b.md#x)",
        "docs/b.md": "",
        "docs/lost.md": "[a](how-to/a.md)",
        "README.md": "[lost](docs/lost.md)",
    }
    assert unreachable(pages) == {"docs/lost.md"}
