"""One table for each set of rules about a whole stack: what breaks a rule, and what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from morphops.core.base_images.recipe import ImageRecipe, Recipes
from morphops.core.bundle import parse
from morphops.core.bundle.moments import Notify
from morphops.core.bundle.quickstart import Quickstart
from morphops.core.bundle.schema import Bundle, ComposeSpec, ImageSpec, Invariant, Job
from morphops.core.checks import (
    bundle_rules,
    compose_rules,
    digest_rules,
    quickstart_rules,
    variable_rules,
)
from morphops.core.checks.interpolation import Use
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.schema import parse_mapping
from morphops.core.yaml_text import YamlText
from tests.paths import STACK
from tests.samples.releases import BUNDLE as OF_SHOP

TEXT = (STACK / "bundle.yaml").read_text()
BUNDLE = parse.parse_bundle(TEXT, "b.yaml")
SERVICES: Mapping[str, Mapping[str, Any]] = {
    "a": {},
    "b": {},
    "extra": {"profiles": ["extra"]},
    "front": {"ports": [{"target": 8000, "published": "1"}]},
}
COMPLETED = "service_completed_successfully"
USED = ("PAIR_IMAGE", "FRONT_IMAGE", "DATA_EPOCH")


def use(name: str, operator: str = ":?", word: str = "") -> Use:
    return Use(name, operator, word, "c.yaml", 1)


def without(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The services without one."""
    return {key: spec for key, spec in SERVICES.items() if key != name}


def waves(*probes: tuple[str, ...], deadline: float = 60) -> Bundle:
    """The stack's bundle with other probes of its waves."""
    two = zip(BUNDLE.waves, probes, strict=True)
    return replace(BUNDLE, waves=tuple(replace(w, probes=p, deadline=deadline) for w, p in two))


PROBES = (("pair",), ("answers",))
LOUD = {"never-loud": Invariant(service="front", forbids=("--loud",), why="it is heard")}


@pytest.mark.parametrize(
    ("bundle", "services", "used", "said"),
    [
        (BUNDLE, SERVICES, USED, []),
        (
            BUNDLE,
            {**SERVICES, "new": {}},
            USED,
            ["service new is in no wave, so nothing starts it"],
        ),
        (BUNDLE, without("b"), USED, ["wave 1: no compose file has a service b"]),
        (
            waves(*PROBES, deadline=5),
            {**SERVICES, "a": {"healthcheck": {"test": ["CMD", "x"], "start_period": "10s"}}},
            USED,
            ["wave 1: its deadline of 5 s ends before a can be found unhealthy (100 s)"],
        ),
        (
            BUNDLE,
            {**SERVICES, "a": {"healthcheck": {"test": ["CMD", "/ready"], "interval": "2s"}}},
            USED,
            [
                "wave 1: the engine calls it unhealthy after 6 s without a good answer, and a "
                "deploy fails then, whatever the deadline of 60 s says"
            ],
        ),
        (
            BUNDLE,
            {
                **SERVICES,
                "a": {"healthcheck": {"test": ["CMD", "/ready"], "interval": "10s", "retries": 5}},
                "b": {
                    "healthcheck": {
                        "test": ["CMD", "/ready"],
                        "start_period": "30s",
                        "interval": "2s",
                    }
                },
            },
            USED,
            [],
        ),
        (
            waves(("pair", "answers"), ()),
            SERVICES,
            USED,
            ["wave 1: probe answers asks front, which is in wave 2"],
        ),
        (waves((), ("answers",)), SERVICES, USED, ["probe pair is used by no wave and no check"]),
        (
            BUNDLE,
            {**SERVICES, "front": {"ports": [{"target": 8000}]}},
            USED,
            ["probe answers: front publishes no port 8000"],
        ),
        (BUNDLE, {**SERVICES, "extra": {}}, USED, ["no service has the profile extra"]),
        (
            BUNDLE,
            SERVICES,
            USED[1:],
            ["no compose file uses PAIR_IMAGE, the variable of image pair"],
        ),
        (
            BUNDLE,
            SERVICES,
            USED[:2],
            ["no compose file uses DATA_EPOCH, which document data provides"],
        ),
        (
            replace(BUNDLE, jobs={"a": Job(undo="down")}),
            {**SERVICES, "down": {"profiles": ["undo"]}},
            USED,
            [],
        ),
        (
            replace(BUNDLE, jobs={"a": Job(undo="down")}),
            SERVICES,
            USED,
            ["job a: no compose file has a service down"],
        ),
        (
            replace(BUNDLE, invariants=LOUD),
            {**SERVICES, "front": {**SERVICES["front"], "command": ["serve", "--loud"]}},
            USED,
            ["--loud is on its command line, which invariant never-loud forbids: it is heard"],
        ),
    ],
)
def test_rules_of_a_bundle(
    bundle: Bundle,
    services: Mapping[str, Mapping[str, Any]],
    used: Sequence[str],
    said: list[str],
) -> None:
    uses = [use(name) for name in used]
    found = list(bundle_rules.check(bundle, services, uses, YamlText("b.yaml", TEXT)))
    assert [finding.what for finding in found] == said
    assert all(finding.file == "b.yaml" and finding.line for finding in found)
    assert all(finding.remedy for finding in found)


def test_what_ends_is_named_or_waited_for() -> None:
    waits = {"b": {"condition": "service_completed_successfully"}, "front": {"condition": "x"}}
    jobs = replace(BUNDLE, jobs={"a": Job(undo="down")})
    services = {**SERVICES, "extra": {"depends_on": waits}}
    assert bundle_rules.ending(jobs, services) == {"a", "b", "down"}


SCHEMA = EnvSchema(
    schema=1,
    variables={
        "KEY": Variable(about="", required=True, secret=True),
        "PORT": Variable(about="", required=True),
        "LEVEL": Variable(about="", default="info"),
    },
)
RIGHT = (*(use(name) for name in (*USED, "KEY", "PORT")), use("LEVEL", ":-", "info"))


def uses(*others: Use) -> list[Use]:
    """What a right stack uses, some of it in another way."""
    names = {other.name for other in others}
    return [*(one for one in RIGHT if one.name not in names), *others]


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (uses(), []),
        (uses(use("LEVLE")), ["LEVLE: is in no env schema"]),
        (uses(use("PAIR_IMAGE", ":-", "x:1")), ["PAIR_IMAGE: may name no image, or one by tag"]),
        (uses(use("PAIR_IMAGE", ":-", f"x@sha256:{'a' * 64}")), []),
        (uses(use("KEY", ":-", "hunter2")), ["KEY: a secret stands here as its default"]),
        (
            uses(use("PORT", ":-", "80")),
            ["PORT: has a default here, and the env schema requires it"],
        ),
        (
            uses(use("DATA_EPOCH", "-", "1")),
            ["DATA_EPOCH: has a default here, and a document provides it"],
        ),
        (uses(use("PORT", "")), ["PORT: may be empty here, and the env schema requires it"]),
        (
            uses(use("LEVEL", ":?")),
            ["LEVEL: Compose refuses without it, but the env schema does not require it"],
        ),
        (
            uses(use("LEVEL", ":-", "warn")),
            ["LEVEL: is 'warn' here by default, and 'info' in the env schema"],
        ),
        (uses(use("LEVEL", "")), ["LEVEL: is empty if it is not set, and Compose only warns"]),
        ([u for u in RIGHT if u.name != "PORT"], ["PORT is used by no compose file and by no "]),
        ([], []),
    ],
)
def test_rules_of_variables(used: list[Use], said: list[str]) -> None:
    bundle = replace(BUNDLE, documents={k: replace(d, path="/d") for k, d in DOCUMENTS.items()})
    found = list(variable_rules.check(used, bundle, SCHEMA, YamlText("s.yaml", "schema: 1\n")))
    assert len(found) == len(said), found
    assert all(f.what.startswith(text) for f, text in zip(found, said, strict=True))
    assert all(finding.remedy for finding in found)


DOCUMENTS = BUNDLE.documents


def test_a_webhook_whose_url_is_no_secret() -> None:
    bundle = replace(BUNDLE, notify=Notify(url_from="PORT"), documents={})
    found = variable_rules.check(
        [one for one in RIGHT if one.name != "DATA_EPOCH"],
        bundle,
        SCHEMA,
        YamlText("s.yaml", "schema: 1\n"),
    )
    assert [f"{f.what}; {f.remedy}" for f in found] == [
        "PORT holds the URL of a webhook, which is a secret; write secret: true"
    ]


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (None, "PORT is required, and Compose renders without it"),
        ("no value", "PORT is required, and Compose says only: no value"),
        ("PORT is not set", ""),
    ],
)
def test_what_compose_says_without_a_variable(said: str | None, what: str) -> None:
    assert [f.what for f in variable_rules.unrefused(use("PORT"), said)] == ([what] if what else [])


def test_what_compose_must_refuse_without() -> None:
    found = variable_rules.required([use("PORT"), use("PORT", "-"), use("X", "-")], BUNDLE, SCHEMA)
    assert dict(found) == {"PORT": use("PORT")}


COMPOSE = YamlText(
    "c.yaml",
    "name: shop\nservices:\n  web:\n    image: a\n    depends_on: [db]\n    volumes:\n"
    "      - ./site:/site\n  db:\n    image: b\n    env_file: db.env\nconfigs:\n"
    "  rules: {file: ./rules.conf}\n",
)


def rendered(**model: Any) -> compose_rules.Rendered:
    return compose_rules.Rendered(
        model={"name": "shop", **model},
        sentinels={},
        sources=[COMPOSE],
        folder="/work/ops",
        bundle=OF_SHOP,
    )


BIND = {"type": "bind", "source": "/work/ops/site", "target": "/site"}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ({}, ""),
        ({"configs": {"rules": {"file": "/work/ops/rules.conf"}}}, "configs/rules/file"),
        ({"configs": {"rules": {"file": "/etc/rules.conf"}}}, ""),
        ({"secrets": {"key": {"file": "/work/ops/key"}}}, "secrets/key/file"),
        ({"configs": {"rules": {"content": "x"}}}, ""),
    ],
)
def test_files_that_a_release_does_not_carry(model: dict[str, Any], path: str) -> None:
    said = [f.what.partition(" is ")[0] for f in compose_rules.check(rendered(**model))]
    # What the source itself includes is found whatever Compose made of it.
    assert said == ["services/db/env_file", *([path] if path else [])]


@pytest.mark.parametrize(
    ("mount", "found"),
    [
        (BIND, True),
        ({**BIND, "source": "/srv/site"}, False),
        ({**BIND, "type": "volume", "source": "site"}, False),
    ],
)
def test_a_mount_that_a_release_does_not_carry(mount: dict[str, Any], found: bool) -> None:
    said = list(compose_rules.check(rendered(services={"web": {"volumes": [mount]}})))
    (lines,) = ({f.line for f in said if f.what.startswith("services/web/volumes/0 is")},)
    assert lines == ({7} if found else set())


def test_a_stack_of_another_name() -> None:
    (_, finding) = compose_rules.check(rendered(name="store"))
    assert str(finding).startswith("c.yaml:1: the project is 'store' here and 'shop' in the bundle")
    assert finding.remedy == "write name: shop"


@pytest.mark.parametrize(
    ("said", "line", "text"),
    [
        (
            ["services.web.volumes.0 must be a mapping"],
            7,
            "services.web.volumes.0 must be a mapping",
        ),
        (
            ['service "web" depends on undefined service "db": invalid'],
            5,
            'service "web" depends on undefined service "db": invalid',
        ),
        (['service "db" has neither an image nor a build context'], 8, 'service "db" has neither'),
        (["  cannot read", " it"], 1, "cannot read it"),
        ([], 1, "it did not say why"),
    ],
)
def test_what_compose_refuses(said: list[str], line: int, text: str) -> None:
    finding = compose_rules.refusal(said, [COMPOSE], "with the profile x")
    assert (finding.file, finding.line) == ("c.yaml", line)
    assert finding.what.startswith(f"Compose refuses it with the profile x: {text}")


QUICKSTART = """\
schema: 1
env: {PORT: "80"}
prepare:
  - {name: rows, image: pair, entrypoint: make, command: [], creates: /rows,
     reads: {data: /d}}
ask:
  service: front
  port: 8000
  document: data/sample.json
  questions: [{name: n, method: double, params: ["{n}"], expect: n}]
"""
ASKED = EnvSchema(
    schema=1,
    variables={
        "PORT": Variable(about="", required=True, pattern="[0-9]+"),
        "KEY": Variable(about="", required=True, generate="hex16"),
    },
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("", ""), []),
        (('{PORT: "80"}', '{PORT: "80", PROT: "1"}'), ["PROT is not in the env schema"]),
        (('PORT: "80"', "PORT: http"), ["PORT does not match its pattern"]),
        (('{PORT: "80"}', "{}"), ["PORT is required, and has no value here"]),
        (("image: pair", "image: peer"), ["no image 'peer'"]),
        (("reads: {data:", "reads: {date:"), ["there is no date to read"]),
        (("service: front", "service: back"), ["'back' is in no wave"]),
        (("sample.json", "simple.json"), ["there is no data/simple.json"]),
    ],
)
def test_rules_of_a_quickstart(change: tuple[str, str], said: list[str]) -> None:
    text = QUICKSTART.replace(*change) if change[0] else QUICKSTART
    project = quickstart_rules.Project(
        recipe=parse_mapping(text, "q.yaml", Quickstart),
        schema=ASKED,
        images=["pair", "front"],
        services=["front"],
        exists=lambda path: path in ("data", "data/sample.json"),
    )
    found = list(quickstart_rules.check(project, YamlText("q.yaml", text)))
    assert [finding.what for finding in found] == said
    assert all(finding.file == "q.yaml" and finding.remedy for finding in found)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"FROM a@sha256:{'a' * 64}\n", []),
        (f"x\nFROM a@sha256:{'a' * 63}\n", [2]),
        (f"FROM a@sha256:{'a' * 65} b@sha256:{'A' * 64}\n", [1, 1]),
        ("sha256:…\n", []),
    ],
)
def test_digests_that_are_not_whole(text: str, lines: list[int]) -> None:
    found = list(digest_rules.check("Dockerfile", text))
    assert [finding.line for finding in found] == lines
    assert all("is not a digest (" in finding.what for finding in found)


@pytest.mark.parametrize("pinned", [True, False])
def test_what_a_base_image_replaces_is_named_by_digest(pinned: bool) -> None:
    reference = f"debian:12@sha256:{'a' * 64}" if pinned else "debian:12"
    text = f"images:\n  base:\n    replaces: ['{reference}']\n"
    recipes = Recipes(
        schema=1,
        suite="bookworm",
        mirror="",
        epoch=0,
        packages=(),
        images={"base": ImageRecipe(replaces=(reference,), packages=())},
    )
    found = list(digest_rules.replaced(YamlText("r.yaml", text), recipes))
    assert [(f.line, f.what) for f in found] == (
        [] if pinned else [(3, "image base: debian:12 may be another image tomorrow")]
    )


def mount(source: str, **more: object) -> dict[str, object]:
    return {"type": "volume", "source": source, "target": "/data", **more}


DB = {"volumes": [mount("data")]}


@pytest.mark.parametrize(
    ("services", "said"),
    [
        ({"db": DB, "web": {}}, []),
        ({"db": DB, "backup": {"volumes": [mount("data", read_only=True)]}}, []),
        ({"db": DB, "other": {"volumes": [mount("other")]}}, []),
        ({"db": DB, "web": {"volumes": [mount("")]}, "x": {"volumes": [mount("")]}}, []),
        ({"db": DB, "web": DB}, ["2 containers write it (db, web)"]),
        ({"db": {**DB, "scale": 2}}, ["2 containers write it (db)"]),
        ({"db": {**DB, "deploy": {"replicas": 3}}}, ["3 containers write it (db)"]),
        (
            {
                "web": {**DB, "depends_on": {"init": {"condition": COMPLETED}}},
                "init": DB,
            },
            [],
        ),
    ],
)
def test_several_writers_of_a_volume(services: dict[str, Any], said: list[str]) -> None:
    rendered = compose_rules.Rendered(
        model={"name": "shop", "services": services},
        sentinels={},
        sources=[YamlText("c.yaml", "volumes:\n  data:\n")],
        folder="/x",
        bundle=OF_SHOP,
    )
    found = [f for f in compose_rules.check(rendered) if f.rule == compose_rules.WRITERS]
    assert [f.what.partition(", and each")[0] for f in found] == said
    assert all((f.line, f.subjects, f.level) == (2, ("data",), "danger") for f in found)


def test_what_a_release_pins_needs_no_digest_in_the_file() -> None:
    images = {"web": ImageSpec(source="nginx:1", services=("web", "unheard-of"))}
    pinned = replace(rendered().bundle, images=images)
    model: dict[str, dict[str, Any]] = {
        "web": {"image": "nginx:1", "build": {"context": "."}},
        "db": {"image": "postgres"},
    }
    found = compose_rules.check(replace(rendered(services=model), bundle=pinned))
    told = {(f.rule, f.subjects) for f in found if f.rule in ("digest", "build")}
    assert told == {("digest", ("db",))}
    text = YamlText("b.yaml", "images:\n  web:\n    services: [web,\n      unheard-of]\n")
    unknown = [f for f in bundle_rules.check(pinned, model, (), text) if "unheard-of" in f.what]
    assert [(f.file, f.line) for f in unknown] == [("b.yaml", 4)]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (ComposeSpec(files=("c.yaml",), carries=("site",)), set()),
        (ComposeSpec(files=("c.yaml",), leaves=("site",)), set()),
        (ComposeSpec(files=("c.yaml",), data=("site",)), {"bind", "host-path"}),
    ],
)
def test_what_is_carried_or_left_out_needs_no_other_mount(
    spec: ComposeSpec, told: set[str]
) -> None:
    stack = rendered(services={"web": {"image": "a", "volumes": [BIND]}})
    found = compose_rules.check(replace(stack, bundle=replace(stack.bundle, compose=spec)))
    assert {f.rule for f in found} & {"bind", "host-path"} == told
