"""Rules of the bundle: waivers, sample values, profiles, durations, waves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from morphops import site
from morphops.core.bundle import parse
from morphops.core.bundle.moments import Notify
from morphops.core.bundle.schema import Acceptance
from morphops.core.checks import (
    bundle_rules,
    interpolation,
    sample_values,
    variable_rules,
    waivers,
)
from morphops.core.env.schema import EnvSchema, Variable
from morphops.core.finding import Finding, of_error
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError
from tests.paths import STACK


def test_what_is_accepted_is_not_found_and_has_to_be_there() -> None:
    text = YamlText("b.yaml", "accept:\n  - {rule: user}\n  - {rule: usre}\n  - {rule: logs}\n")
    accepted = [Acceptance(rule=rule, subject="a", reason="x") for rule in ("user", "usre", "logs")]
    findings = [Finding("c", 1, "x", "y", "user", (name,)) for name in ("a", "b")]
    found = [str(finding) for finding in waivers.apply(findings, accepted, text)]
    assert found == [
        "c:1: x; y [user]",
        "b.yaml:3: accept: no rule 'usre'; did you mean user?",
        "b.yaml:4: accept: a does not break logs; remove the entry",
    ]


def broken(rule: str, subject: str, file: str = "c") -> Finding:
    return Finding(file, 1, "x", "y", rule, (subject,))


@pytest.mark.parametrize(
    ("rule", "subject", "left"),
    [
        ("user", "*", ["logs:a"]),
        ("*", "a", ["user:b"]),
        (("user", "logs"), ("a", "b"), []),
        ("user", ("a", "b"), ["logs:a"]),
        ("us*", "[ab]", ["logs:a"]),
        ("user", "A", ["user:a", "user:b", "logs:a", "A does not break user; these do: a, b"]),
        ("logs", ("a", "b"), ["user:a", "user:b", "b breaks none of logs"]),
        (
            ("logs", "user"),
            "c",
            [
                "user:a",
                "user:b",
                "logs:a",
                "c does not break logs; these do: a",
                "c does not break user; these do: a, b",
            ],
        ),
        ("nothing-*", "a", ["user:a", "user:b", "logs:a", "no rule 'nothing-*'"]),
    ],
)
def test_lists_and_patterns_of_what_is_accepted(
    rule: str | tuple[str, ...], subject: str | tuple[str, ...], left: list[str]
) -> None:
    text = YamlText("b.yaml", "accept: [x]\n")
    findings = [broken("user", "a"), broken("user", "b"), broken("logs", "a")]
    accepted = [Acceptance(rule=rule, subject=subject, reason="x")]
    found = [
        f"{f.rule}:{f.subjects[0]}" if f.rule else f.what.removeprefix("accept: ")
        for f in waivers.apply(findings, accepted, text)
    ]
    assert found == left
    ours = {(f.rule, s) for f in waivers.left(findings, accepted) for s in f.subjects}
    assert ours == {tuple(name.split(":")) for name in left if ":" in name and " " not in name}


@pytest.mark.parametrize(
    ("subject", "accepted"),
    [
        ("Dockerfile", ["api/Dockerfile", "web/Dockerfile"]),
        ("api/Dockerfile", ["api/Dockerfile"]),
        ("*/Dockerfile", ["api/Dockerfile", "web/Dockerfile"]),
        ("web/*", ["web/Dockerfile"]),
    ],
)
def test_a_dockerfile_is_accepted_by_its_path_or_its_name(
    subject: str, accepted: list[str]
) -> None:
    findings = [broken("pip", path, path) for path in ("api/Dockerfile", "web/Dockerfile")]
    left = waivers.left(findings, [Acceptance(rule="pip", subject=subject, reason="x")])
    assert [f.file for f in findings if f.file not in {f.file for f in left}] == accepted


def test_what_has_no_rule_cannot_be_accepted() -> None:
    finding = Finding("c", 1, "x", "y", "", ("a",))
    everything = Acceptance(rule="*", subject="*", reason="x")
    assert waivers.left([finding], [everything]) == (replace(finding, what="a: x"),)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("{rule: [], subject: a, reason: x}", "accept/0/rule: names none"),
        ("{rule: user, subject: [], reason: x}", "accept/0/subject: names none"),
        ("{rule: user, subject: a, reason: ''}", "accept/0/reason: say why"),
        ("{rule: user, subject: 3, reason: x}", 'must be text; write "3"'),
        ("{rule: user, subject: [a, 3], reason: x}", "accept/0/subject"),
    ],
)
def test_an_entry_that_is_wrong_is_named(entry: str, says: str) -> None:
    text = (STACK / "bundle.yaml").read_text().partition("accept:")[0] + f"accept: [{entry}]\n"
    with pytest.raises(ConfigError) as caught:
        parse.parse_bundle(text, "b.yaml")
    assert says in " ".join([caught.value.what, *caught.value.detail])


def test_no_rule_of_ours_is_left_without_a_name_to_accept_it_or_a_level() -> None:
    rows = [rule for table in waivers.TABLES for rule in table]
    assert {rule.level for rule in rows} == {"danger", "hardening"}
    # What is only advice has a name, so that a bundle that demands it can accept a breach.
    assert all(rule.name for rule in rows if rule.level == "hardening")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("b.yaml:3: chekcs: unknown key; did you mean checks?", "did you mean checks?"),
        ("b.yaml: is not there", "write it"),
        ("b.yaml:3: found a tab; or two; leave it out", "leave it out"),
    ],
)
def test_an_error_that_says_how_to_fix_it_has_no_other_remedy(text: str, says: str) -> None:
    (finding,) = of_error(ConfigError(text), "write it")
    assert finding.remedy == says
    assert str(finding) == (text if "; " in text else f"{text}; write it")


def test_a_webhook_whose_variable_nobody_declares() -> None:
    text = YamlText("b.yaml", "schema: 1\nnotify:\n  url_from: HOOK_ULR\n")
    bundle = site.load_bundle(STACK / "bundle.yaml")
    bundle = replace(bundle, notify=Notify(url_from="HOOK_ULR"))
    schema = EnvSchema(schema=1, variables={"HOOK_URL": Variable(about="x", secret=True)})
    (finding,) = waivers.grouped(variable_rules.notified(bundle, schema, text))
    assert str(finding) == (
        "b.yaml:3: HOOK_ULR: is in no env schema, so only the environment of a deploy can have it; "
        "did you mean HOOK_URL? If not, add it there with secret: true, or accept that it comes "
        "from elsewhere [notify-url]"
    )
    declared = replace(bundle, notify=Notify(url_from="HOOK_URL"))
    assert not list(variable_rules.notified(declared, schema, text))
    assert not list(variable_rules.notified(replace(bundle, notify=None), schema, text))
    meant = Acceptance(rule="notify-url", subject="HOOK_ULR", reason="x")
    assert not list(waivers.apply([finding], [meant], text))


def test_one_finding_for_what_services_share() -> None:
    findings = [Finding("c", 1, "is root", "y", "user", (name,)) for name in ("a", "b", "a")]
    assert [str(f) for f in waivers.grouped(findings)] == ["c:1: a, b: is root; y [user]"]


def test_one_finding_for_a_rule_that_services_of_a_file_break_in_several_lines() -> None:
    findings = [
        Finding("c.yaml", line, "is root", "y", "user", (name,))
        for line, name in ((9, "b"), (1, "a"), (12, "c"))
    ]
    (one,) = waivers.grouped(findings)
    assert str(one) == "c.yaml:1: a, b, c: is root; y [user] (also lines 9, 12)"
    assert (one.line, one.also, one.subjects) == (1, (9, 12), ("a", "b", "c"))
    # What is about no service stays where it is: each line is to be corrected for itself.
    bare = [Finding("c", line, "is no digest", "y") for line in (1, 2)]
    assert list(waivers.grouped(bare)) == bare


def test_made_up_values_have_the_right_form() -> None:
    schema = EnvSchema(
        schema=1,
        variables={
            "URL": Variable(about="", required=True, secret=True, pattern="https?://.+"),
            "FOLDER": Variable(about="", required=True, pattern="/.+"),
            "COUNT": Variable(about="", required=True, pattern="[0-9]+"),
            "LEVEL": Variable(about="", default="warn"),
        },
    )
    bundle = site.load_bundle(STACK / "bundle.yaml")
    made = sample_values.values(bundle, schema, [interpolation.Use("PAIR_IMAGE", ":?", "", "c", 1)])
    assert made.values == {
        "DATA_EPOCH": "1",
        "URL": "https://made-up-url.invalid/",
        "FOLDER": "/1",
        "COUNT": "1",
        "PAIR_IMAGE": f"registry.invalid/morphops-test/pair@sha256:{'a' * 64}",
    }
    assert made.sentinels == {"URL": "made-up-url"}


@pytest.mark.parametrize(
    ("profiles", "pattern", "sets"),
    [
        ((), "", [()]),
        (("a",), "", [(), ("a",)]),
        (("b", "a"), "", [(), ("a",), ("b",), ("a", "b")]),
        (("b", "a"), "(a|b)", [("a",), ("b",)]),
        (tuple("abcde"), "", [(), *((x,) for x in "abcde"), tuple("abcde")]),
    ],
)
def test_sets_of_profiles(
    profiles: tuple[str, ...], pattern: str, sets: list[tuple[str, ...]]
) -> None:
    variable = Variable(about="", pattern=pattern)
    schema = EnvSchema(schema=1, variables={"COMPOSE_PROFILES": variable})
    assert sample_values.profile_sets(profiles, schema) == sets


@pytest.mark.parametrize(
    ("text", "number"),
    [("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1.5s", 1.5), (None, 0), ("", 0)],
)
def test_durations(text: str | None, number: float) -> None:
    assert bundle_rules.seconds(text) == number


def test_a_wave_before_what_it_depends_on() -> None:
    text = (STACK / "bundle.yaml").read_text()
    bundle = parse.parse_bundle(text, "b.yaml")
    bundle = replace(bundle, waves=tuple(reversed(bundle.waves)))
    services: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {},
        "extra": {"profiles": ["extra"]},
        "front": {
            "depends_on": {"a": {}, "b": {}},
            "ports": [{"target": 8000, "published": "1"}],
        },
    }
    uses = [interpolation.Use(n, "", "", "c", 1) for n in ("PAIR_IMAGE", "FRONT_IMAGE")]
    uses.append(interpolation.Use("DATA_EPOCH", "", "", "c", 1))
    found = bundle_rules.check(bundle, services, uses, YamlText("b.yaml", text))
    assert [finding.what for finding in found] == [
        "wave 1: front depends on a, which is in wave 2",
        "wave 1: front depends on b, which is in wave 2",
    ]
