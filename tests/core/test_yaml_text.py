"""YAML texts know the lines of what they hold."""

from __future__ import annotations

import pytest

from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError

TEXT = """\
x-base: &base
  image: a
  list:
    - one
    - two
services:
  web:
    <<: *base
    ports: ["80"]
  job:
    <<: [*base, {user: "1"}]
    tags: !reset []
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ((), (0, 1)),
        (("services",), (1, 6)),
        (("services", "web"), (2, 7)),
        (("services", "web", "ports", "0"), (4, 9)),
        (("services", "web", "image"), (3, 2)),
        (("services", "web", "list", "1"), (4, 5)),
        (("services", "web", "list", "2"), (3, 3)),
        (("services", "job", "user"), (3, 11)),
        (("services", "job", "missing", "x"), (2, 10)),
        (("services", "none"), (1, 6)),
    ],
)
def test_a_line_for_every_path(path: tuple[str, ...], found: tuple[int, int]) -> None:
    assert YamlText("c.yaml", TEXT).find(path) == found


def test_a_merge_that_means_itself_has_an_end() -> None:
    text = YamlText("c.yaml", "a: &a\n  <<: *a\n  b: 1\n")
    assert text.find(("a", "c")) == (1, 1)
    assert [scalar.value for scalar in text.scalars()] == ["1"]


def test_the_keys_at_a_path() -> None:
    text = YamlText("c.yaml", TEXT)
    assert text.keys("services") == ("web", "job")
    assert text.keys("x-base", "list") == ("0", "1")
    assert text.keys("x-base", "image") == text.keys("nothing") == ()


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "? [a]\n: 1\n"])
def test_no_yaml_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^c.yaml:\d: "):
        YamlText("c.yaml", text)
