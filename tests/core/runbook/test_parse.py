"""Runbooks: how they are read, and what is wrong with a broken one."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from morphops.adapters.invoke_tasks import InvokeTasks
from morphops.core.bundle.schema import (
    Acceptance,
    BuildSpec,
    Bundle,
    ComposeSpec,
    EnvSpec,
    Invariant,
)
from morphops.core.checks import waivers
from morphops.core.runbook import commands, parse, rules
from morphops.core.runbook.commands import split
from morphops.core.runbook.model import Runbook
from morphops.core.yaml_text import YamlText
from morphops.tasks import ns
from tests import forked
from tests.paths import ROOT
from tests.results import valid

TASKS = InvokeTasks(ns)
GOOD = """---
inputs:
  release: {about: a digest, pattern: "sha256:[0-9a-f]{64}"}
---
# Deploy

See [here](#bring-it) and `inv status`.

## Bring it

### 1. Look

```sh {name=look}
inv status
```

Expect:

- exit: 0

### 2. Deploy

```sh {name=deploy needs=look mutates=true timeout=20m on-fail=after}
inv deploy --image=$release
```

Expect:

- exit: 0, 4
- json: state == 'healthy'
- see: it is fine

### 3. Tell them

```text {name=tell task=manual}
Say that it is done.
```

### If it failed

```sh {name=after when=failure}
inv history
```

Expect:

- exit: 0
"""


def read(text: str) -> Runbook:
    return parse.parse(text, "deploy", "runbooks/deploy.md")


def found(text: str) -> list[str]:
    files = {"other.md": frozenset("a")}
    return [str(f) for f in rules.check([read(text)], TASKS, files, ["web", "db"])]


def test_a_good_one() -> None:
    book = read(GOOD)
    assert found(GOOD) == []
    assert book.title == "Deploy"
    assert book.sections == {"bring-it": "Bring it"}
    assert [step.name for step in book.procedure("bring-it")] == ["look", "deploy", "tell"]
    step = book.step("deploy")
    assert step.line == 23
    assert step.needs == ("look",)
    assert step.mutates
    assert step.timeout == 1200
    assert step.on_fail == "after"
    assert step.exits == (0, 4)
    assert step.json == ("state == 'healthy'",)
    assert step.see == ("it is fine",)
    assert book.step("tell").manual
    assert commands.inputs_of(book, "bring-it") == ("release",)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("inv status\n", "inv statsu\n", "13: step look: 'inv statsu': No idea what 'statsu' is!"),
        ("inv status\n", "inv status --all\n", "No idea what '--all' is!"),
        ("inv status\n", "inv logs --tail=x\n", "'--tail'|tail|invalid|int"),
        ("inv status\n", "inv status history\n", "is 2 tasks in one command"),
        ("inv status\n", "inv status && inv history\n", "has the shell operator '&&'"),
        ("inv status\n", "inv status | cat\n", "has the shell operator '|'"),
        ("inv status\n", "inv status; rm x\n", "has the shell operator ';'"),
        ("inv status\n", "inv status > x\n", "has the shell operator '>'"),
        ("inv status\n", "inv logs --service=$(x)\n", "has a shell substitution"),
        ("inv status\n", "docker ps\n", "does not begin with inv"),
        ("inv status\n", "inv\n", "names no task"),
        ("inv status\n", "inv 'status\n", "No closing quotation"),
        ("inv status\n", "inv status\ninv history\n", "13: has 2 commands; one command"),
        ("inv status\n", "\n", "13: has 0 commands"),
        ("$release", "$relaese", "23: step deploy: $relaese is not an input; declare it"),
        ("name=look", "name=Look", "13: the step's name is 'Look'"),
        ("name=tell", "name=look", "35: a step look stands above already"),
        ("needs=look", "needs=lok", "23: step deploy: needs=lok is not a step above it"),
        (" needs=look", "", "23: step deploy: changes something and needs no check before it"),
        (" on-fail=after", "", "23: step deploy: changes something and has no on-fail"),
        ("on-fail=after", "on-fail=affter", "23: step deploy: on-fail=affter is not another step"),
        (" mutates=true", "", "23: step deploy: mutates=false, but `inv deploy` changes something"),
        ("name=look", "name=look mutates=true", "mutates=true, but `inv status` does not change"),
        ("timeout=20m", "timeout=20", "23: timeout=20; a number with s, m or h"),
        ("timeout=20m", "timeuot=20m", "23: 'timeuot=20m' is not an attribute of a step"),
        ("name=look", "name=look name=x", "13: name stands twice; remove one"),
        ("mutates=true", "mutates=yes", "23: mutates=yes; mutates is true or false"),
        ("exit: 0, 4", "exit: O", "29: exit: O; one or more numbers below 256"),
        ("exit: 0, 4", "exti: 0", "29: 'exti: 0' is not an expectation"),
        ("state == 'healthy'", ".state == 'x'", "json: .state == 'x': not a JMESPath expression"),
        ("- exit: 0\n\n### 2", "### 2", "13: step look does not say what to expect"),
        ("### 2. Deploy\n\n", "", "is a second command under one heading"),
        ("```sh {name=look}", "```sh", "13: is a command without a step"),
        ("```sh {name=look}", "```", "13: is a fence without a language"),
        ("```sh {name=look}", "```text {name=look}", "13: is a step in 'text'"),
        (" {name=look}\ninv status\n", " {name=look}\ninv nope\n", "No idea what 'nope'"),
        ("`inv status`", "`inv nope`", "7: `inv nope`: no task nope; see inv --list"),
        ("`inv status`", "`docker ps`", "7: `docker ps` bypasses the tasks"),
        ("(#bring-it)", "(#bring)", "7: link to #bring: no such heading"),
        ("(#bring-it)", "(nope.md)", "7: link to nope.md: there is no such file"),
        ("(#bring-it)", "(other.md#b)", "7: link to other.md#b: no such heading"),
        ("## Bring it\n\n", "", "stands in no section"),
        (" on-fail=after", " on-fail=look", "41: step after: no on-fail names it"),
        ("{about: a digest,", "{abuot: a digest,", "3: front matter: inputs/release/abuot"),
        ("- exit: 0, 4\n", "- exit: 0, 4\n  - json: x\n", "30: 'json: x' stands under an exp"),
        (
            "- exit: 0, 4\n",
            "- exit: 0, 4\n  1. x\n\n",
            "json: .x: not a JMESPath|tail|'x' stands under",
        ),
        ("- json: state", "* json: .state", "json: .state == 'healthy': not a JMESPath expression"),
        (
            "- json: state",
            "  - x\n- json: .state",
            "json: .state == 'healthy': not a JMESPath expression",
        ),
        ("`inv status`", "`$ docker ps`", "7: `$ docker ps` bypasses the tasks"),
        ("`inv status`", "`/usr/bin/docker`", "7: `/usr/bin/docker` bypasses the tasks"),
        ("`inv status`", "`X=y sudo -E nerdctl`", "7: `X=y sudo -E nerdctl` bypasses"),
        ("`inv status`", "`true && podman ps`", "7: `true && podman ps` bypasses"),
        ("`inv status`", "<code>docker ps</code>", "7: is HTML, which nothing checks"),
        ("## Bring it\n", "<pre>docker ps</pre>\n\n## Bring it\n", "9: is HTML, which"),
        ("Say that", "Call\ndocker volume rm x, say that", "37: 'docker volume rm x, say that i"),
        ("Say that", "# docker images\nSay that", "36: '# docker images' bypasses the tasks"),
        ("## Bring it\n", "```python\ndocker run x\n```\n\n## Bring it\n", "10: 'docker run x' by"),
        ("Say that", "Say by inv nope that", "36: `Say by inv nope that it is done.`: no task"),
        ("Say that", "Say by inv prune --appyl that", "prune has no --appyl; see inv --help prune"),
        ("`inv status`", "`inv prune --appyl`", "7: `inv prune --appyl`: prune has no --appyl"),
        ("needs=look", "needs=told", "changes something and needs no check before it"),
        ("$release", "${release:-x}", "'--image=${release:-x}' has a $ that is not an input"),
        ("$release", "$1", "'--image=$1' has a $ that is not an input"),
        ("$release", "'$?'", "'--image=$?' has a $ that is not an input"),
        ("$release", "*", "has '*' in it, which a shell expands; quote it"),
        ("$release", "~/x", "has '~/x' in it, which a shell expands"),
        ("$release", "{a,b}", "has '{a,b}' in it, which a shell expands"),
        ("---\ninputs", "\ufeff---\ninputs", "1: begins with a byte order mark; save it as UTF-8"),
        ('pattern: "sha', 'pattern: "(sha', "1: inputs/release/pattern: missing )"),
        (
            "release: {about",
            "api_token: {about",
            "1: inputs/api_token: an input must not be a secret",
        ),
    ],
)
def test_a_broken_one_says_where_what_and_how(old: str, new: str, says: str) -> None:
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    if new == "needs=told":  # a person's word is no check
        manual = "### 0. Told\n\n```text {name=told task=manual}\nAsk.\n```\n\n### 2."
        text = text.replace("### 2.", manual)
    findings = found(text)
    alternatives = says.split("|") if "|tail|" in says else [says]
    assert any(text in line for line in findings for text in alternatives), findings
    assert all(line.startswith("runbooks/deploy.md:") for line in findings)


@pytest.mark.parametrize(
    "text",
    [
        "See what the docker images of `/etc/docker/daemon.json` and `docker.service` are.",
        "`inv release.pin` it, or `inv deploy --image=… --help`; `inv --list`. <!-- later -->",
        "Invoke the hook, or invoke the --other one.",
        "The docker volumes and kubectl belong to others; `docker:28-cli` is an image.",
    ],
)
def test_words_that_only_look_like_commands(text: str) -> None:
    assert found(GOOD.replace("See [here]", f"{text} [here]")) == []
    assert found(GOOD.replace("Say that", f"{text.replace('`', '')}\nSay that")) == []


def test_a_bom_is_all_that_is_wrong() -> None:
    assert len(found("\ufeff" + GOOD)) == 1


@pytest.mark.parametrize("text", ["", "# Notes\n\nJust text.\n"])
def test_one_without_steps_is_no_runbook(text: str) -> None:
    (said,) = found(text)
    assert said.startswith("runbooks/deploy.md:1: has no steps, so there is nothing to run; write")


def test_what_only_plans_does_not_stand_for_what_changes() -> None:
    def missing(command: str) -> bool:
        text = GOOD.replace("inv status\n", f"{command}\n", 1)
        findings = rules.missing([read(text)], TASKS, "runbooks")
        return any(finding.subjects == ("prune",) for finding in findings)

    assert missing("inv prune")
    assert not missing("inv prune --apply")


def test_what_is_quoted_no_shell_expands() -> None:
    words = split("inv up --reason='*' --x=\"{a,b} ~ ?\" --y=\\* ${release}")
    assert words == ("up", "--reason=*", "--x={a,b} ~ ?", "--y=*", "${release}")


def test_a_task_that_changes_something_and_stands_nowhere() -> None:
    missing = rules.missing([read(GOOD)], TASKS, "runbooks")
    names = {finding.subjects[0] for finding in missing}
    assert names == set(TASKS.changing) - {"deploy"}
    assert "rollback" in names
    assert {finding.rule for finding in missing} == {"runbook-step"}


SMALL = Bundle(
    schema=1,
    project="shop",
    registry="registry.example:5000",
    releases="shop/releases",
    images={},
    compose=ComposeSpec(files=()),
    env=EnvSpec(file="shop.env", schema="env.yaml"),
    waves=(),
)
BUILD = BuildSpec(file="bake.hcl")
NEVER = Invariant(service="web", forbids=("--loose",), why="x")


@pytest.mark.parametrize(
    ("change", "more", "tasks"),
    [
        ({}, {"quickstart": True}, {"quickstart"}),
        ({}, {"generated": True}, {"env.template"}),
        ({"build": BUILD}, {}, {"build"}),
        ({"build": replace(BUILD, bases="bases.yaml")}, {}, {"build", "image.base"}),
        ({"registry": "127.0.0.1:5000"}, {}, {"registry.up", "registry.down"}),
        ({"invariants": {"never": NEVER}}, {}, {"approval.grant", "approval.revoke"}),
        (
            {"env": EnvSpec(file="shop.env.age", schema="env.yaml")},
            {},
            {"env.identity", "env.encrypt"},
        ),
    ],
)
def test_a_task_for_which_there_is_no_work_needs_no_step(
    change: dict[str, Any], more: dict[str, bool], tasks: set[str]
) -> None:
    """A bundle that builds nothing needs no step that builds."""

    def idle(bundle: Bundle, **told: bool) -> frozenset[str]:
        return rules.idle(bundle, **{"quickstart": False, "generated": False} | told)

    assert idle(SMALL) <= set(TASKS.changing)
    assert idle(SMALL) - idle(replace(SMALL, **change), **more) == tasks
    assert not rules.missing([], TASKS, "runbooks", TASKS.changing)


def test_a_service_that_a_command_names_is_one_of_the_stack() -> None:
    (said,) = found(GOOD.replace("inv status\n", "inv logs --service=wbe\n"))
    assert said == (
        "runbooks/deploy.md:14: --service=wbe: the bundle has no such service; one of web, db"
    )
    assert not found(GOOD.replace("inv status\n", "inv logs --service=web\n"))
    assert not found(GOOD.replace("inv status\n", "inv logs --service=$release\n"))
    assert len(found(GOOD.replace("`inv status`", "`inv logs --service=wbe`"))) == 1


def test_a_task_without_a_step_may_be_accepted() -> None:
    missing = rules.missing([], TASKS, "runbooks", set(TASKS.changing) - {"prune", "up"})
    both = [Acceptance(rule="runbook-step", subject=task, reason="x") for task in ("prune", "up")]
    (line,) = map(str, waivers.left(missing, ()))
    assert line == (
        "runbooks: prune, up: changes something and stands in no runbook; add a step [runbook-step]"
    )
    assert "prune" not in str(waivers.left(missing, both[:1]))
    assert not waivers.left(missing, both)
    text = YamlText("b.yaml", "accept: [1, 2]\n")
    assert not list(waivers.apply(missing, both, text))


def test_a_call_that_only_plans_changes_nothing() -> None:
    for command, changes in (
        ("inv deploy --image=x", True),
        ("inv deploy --image=x --plan", False),
        ("inv rollback", True),
        ("inv status", False),
    ):
        assert TASKS.changes(TASKS.read(split(command))) is changes


def test_a_path_that_may_be_left_out() -> None:
    for command, given in (
        ("inv env.init", {}),
        ("inv env.init new.env", {"path": "new.env"}),
        ("inv env.init --path=new.env", {"path": "new.env"}),
        ("inv env.init --template server-a", {"template": "server-a"}),
        ("inv env.init --template=b --source a.env b.env", {"path": "b.env", "template": "b"}),
    ):
        options = TASKS.read(split(command)).options
        assert given.items() <= options.items(), command
        assert ("path" in options) is ("path" in given)


def test_a_value_stays_one_word_whatever_is_in_it() -> None:
    words = commands.words(
        'inv up --reason="$reason"', {"reason": 'it\'s $HOME; rm -rf / "x" && y'}
    )
    assert words == ("up", '--reason=it\'s $HOME; rm -rf / "x" && y')


def test_anchors_are_those_of_forges() -> None:
    book = read("# A b!\n## A b\n## 3. `x` and_y — z\n")
    assert book.anchors == {"a-b", "a-b-1", "3-x-and_y--z"}


def test_the_runbooks_of_this_repository_have_no_findings() -> None:
    from morphops.operations.runbook import check
    from morphops.report.console import Reporter
    from morphops.site import open_site

    site = open_site(Reporter(True), {"MORPHOPS_BUNDLE": str(ROOT / "ops/bundle.yaml")})
    view = valid("runbook.check", check.check(site))
    assert set(view["runbooks"]) == {"deploy", "rollback", "incident-response", "maintenance"}
    # Here every task has its step, also the one that this bundle gives nothing to do. Where there
    # is a bundle, none is made; and ops/bundle.yaml says why none needs `run`.
    books = [check.read(site, name) for name in view["runbooks"]]
    assert rules.missing(books, TASKS, "runbooks", {"bundle.init", "run"}) == ()


def test_a_look_at_what_went_wrong_goes_on_where_no_engine_answers() -> None:
    """`inv status` ends with 3 there, and that is what somebody must see then."""
    looks = [
        (path.stem, step)
        for path in ROOT.glob("runbooks/*.md")
        for step in parse.parse(path.read_text(), path.stem, path.name).steps
        if step.command == "inv status" and (step.on_failure_only or step.name == "triage")
    ]
    assert len(looks) > 10
    assert [(book, step.name) for book, step in looks if step.exits != (0, 3)] == []


def incident() -> Runbook:
    path = ROOT / "runbooks/incident-response.md"
    return parse.parse(path.read_text(), path.stem, path.name)


def test_the_triage_names_every_section_that_may_come_next() -> None:
    book = incident()
    said = book.closings["how-bad-is-it"]
    assert {name for name in book.sections if f"(#{name})" not in said} == {"how-bad-is-it"}


@pytest.mark.parametrize("section", ["a-server-is-unhealthy", "the-adapter-is-unhealthy"])
def test_what_is_unhealthy_is_started_again_and_then_rolled_back(section: str) -> None:
    *_, last = steps = incident().procedure(section)
    assert last.command.startswith("inv up ")
    changing = [step.command for step in steps[:-1] if step.mutates]
    assert all(command.startswith("inv restart ") for command in changing)
    assert "(rollback.md#go-back)" in incident().step(last.on_fail).prose


def test_a_fingerprint_is_noted_before_it_is_compared() -> None:
    steps = incident().procedure("a-secret-may-have-leaked")
    assert [step.command for step in steps if not step.manual] == ["inv env.show"] * 2
    assert [step.manual for step in steps] == [False, True, True, False]
    assert steps[0].exits == (0, 2, 3)  # an env file that cannot be read must not stop it


def inv(tmp_path: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Here, with a state of its own and no engine: a task too many could do nothing."""
    environ = {**os.environ, "MORPHOPS_STATE": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/x"}
    return forked.invoke(words, folder=ROOT, environ=environ)


@pytest.mark.parametrize("name", sorted(path.stem for path in ROOT.glob("runbooks/*.md")))
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_name_that_is_a_task_too_is_a_name(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    """`inv runbook.check rollback` checked everything, and then rolled back."""
    done = inv(tmp_path, "runbook.check", *options, name)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert done.stdout.count("steps") == (0 if options else 1)
    assert name in done.stdout


def test_without_a_name_it_is_all_of_them(tmp_path: Path) -> None:
    assert inv(tmp_path, "runbook.check").stdout.count("steps") == 4
    named = inv(tmp_path, "runbook.check", "--name", "rollback")
    assert named.stdout.count("steps") == 1
    other = inv(tmp_path, "runbook.check", "status")
    assert other.returncode == 2
    assert "no runbook 'status' (there are: deploy" in other.stderr
