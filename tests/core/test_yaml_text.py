"""YAML texts know the lines of what they hold."""

from __future__ import annotations

import pytest

from morphops.core.yaml_text import YamlText, may_be_endless
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


def bomb(levels: int, wide: int) -> str:
    """Aliases of aliases: the last list has `wide` to the power of `levels` values."""
    lines = (
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * wide)}]\n"
        for level in range(1, levels + 1)
    )
    return "a0: &a0 [x]\n" + "".join(lines)


@pytest.mark.parametrize("text", [bomb(9, 9), bomb(40, 2), bomb(2, 1500)])
def test_what_its_aliases_make_without_measure_is_refused(text: str) -> None:
    assert may_be_endless(text)
    with pytest.raises(ConfigError, match=r"^f\.yaml: its aliases repeat values until") as refused:
        YamlText("f.yaml", text)
    assert refused.value.hint


@pytest.mark.parametrize(
    "text", [bomb(3, 9), bomb(1, 900), "a: &a [1]\nb: [*a, *a]\n", "a: &a [*a]\n"]
)
def test_what_many_services_have_in_common_is_fine(text: str) -> None:
    YamlText("f.yaml", text)
