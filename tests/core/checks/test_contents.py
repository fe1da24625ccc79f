"""What configs and secrets are made from, as the rules of a stack see it."""

from __future__ import annotations

import pytest

from morphops.core.checks import compose_rules, interpolation, variable_rules
from morphops.core.env.parse import parse_env_schema
from morphops.core.yaml_text import YamlText
from tests.samples.releases import BUNDLE
from tests.samples.releases import BUNDLE as OF_SHOP


@pytest.mark.parametrize(
    ("source", "read_only", "found"),
    [
        ({"content": "x"}, True, 1),
        ({"content": ""}, True, 1),
        ({"environment": "TOKEN"}, True, 1),
        ({"file": "/srv/x"}, True, 0),
        ({"content": "x"}, False, 0),
    ],
)
@pytest.mark.parametrize("kind", ["configs", "secrets"])
def test_what_compose_copies_cannot_be_given_to_what_is_read_only(
    kind: str, source: dict[str, str], read_only: bool, found: int
) -> None:
    """Compose creates the container, and the engine refuses the copy (moby, ContainerArchive)."""
    model = {
        "services": {"a": {"read_only": read_only, kind: [{"source": "x"}]}},
        kind: {"x": source},
    }
    text = YamlText("compose.yaml", f"services:\n  a:\n    read_only: true\n    {kind}: [x]\n")
    rendered = compose_rules.Rendered(
        model=model, sentinels={}, sources=[text], folder="/stack", bundle=OF_SHOP
    )
    told = [f for f in compose_rules.check(rendered) if "copies" in f.what]
    assert [(f.line, kind.removesuffix("s") in f.what) for f in told] == [(4, True)] * found


def test_a_variable_that_becomes_the_content_of_a_secret_is_used() -> None:
    compose = YamlText(
        "compose.yaml",
        "secrets: {s: {environment: TOKEN}, f: {file: /x}}\nconfigs: {c: {environment: APP}}\n",
    )
    uses = tuple(interpolation.uses(compose))
    assert {use.name for use in uses} == {"TOKEN", "APP"}
    text = "schema: 1\nvariables:\n  TOKEN: {about: A secret.}\n  IDLE: {about: For nothing.}\n"
    schema = parse_env_schema(text, "schema.yaml")
    found = variable_rules.check(uses, BUNDLE, schema, YamlText("schema.yaml", text))
    unused = [f.what for f in found if "is used by no" in f.what]
    assert unused == ["IDLE is used by no compose file and by no document's path"]
