"""YAML with its lines: libyaml says the same as PyYAML, to the character."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from morphops.core import yaml_text
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from tests.paths import ROOT

FILES = sorted(
    path for folder in ("ops", "tests/stack") for path in (ROOT / folder).rglob("*.yaml")
)


def read_both(text: str) -> tuple[YamlText, YamlText]:
    """A document as it is read here, and as it is read where PyYAML has no libyaml."""
    if not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    return read(text, True), read(text, False)


def read(text: str, libyaml: bool) -> YamlText:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", libyaml)
        yaml_text.loader.cache_clear()
        try:
            return YamlText("f", text)
        finally:
            yaml_text.loader.cache_clear()


def paths(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths(value, (*path, str(key)))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from paths(value, (*path, str(number)))


def same(fast: YamlText, slow: YamlText) -> None:
    data = slow.load()
    assert fast.load() == data
    assert list(fast.scalars()) == list(slow.scalars())
    for path in paths(data):
        assert fast.find(path) == slow.find(path)
        assert fast.keys(*path) == slow.keys(*path)


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_files(file: Any) -> None:
    same(*read_both(file.read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# é\nä: 'ö x'\nb: |\n  é\n  z\nc: {x: [1, 2], <<: {y: ü}}\n\U0001f600: q\n",
        "a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n",
        "a: >-\n  one\n  two\n\nb: !reset null\n",
    ],
)
def test_what_is_hard_to_count(text: str) -> None:
    fast, slow = read_both(text)
    assert list(fast.scalars()) == list(slow.scalars())
    if "!reset" not in text:
        same(fast, slow)


words = st.text("ab é:#-'\"{}[],|>&*!%@`\n\t ", max_size=12)
values = st.recursive(
    words | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(words, values, max_size=4), st.booleans())
def test_whatever_is_written(data: dict[str, Any], flow: bool) -> None:
    if yaml.__with_libyaml__:
        same(*read_both(yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)))


@pytest.mark.parametrize(
    "text", ["a: [1\nb: 2", "a: 1\n\tb: 2", "a: b: c", "a: *none", "'a", "a: \x07", "a: 1\na: 2"]
)
def test_the_same_words_for_what_is_wrong(text: str) -> None:
    said = []
    for libyaml in {yaml.__with_libyaml__, False}:
        with pytest.raises(ConfigError) as caught:
            read(text, libyaml).load()
        said.append(caught.value.what)
    assert len(set(said)) == 1


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 50_000, '{"a":' * 50_000])
def test_deep_nesting_is_told_and_ends_no_process(text: str) -> None:
    with pytest.raises(ConfigError):
        YamlText("f", text)
