"""YAML → bundle: each mistake is named with its file and path."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from morphops import site
from morphops.core.bundle import parse
from morphops.core.bundle.quickstart import Quickstart
from morphops.core.bundle.schema import Bundle
from morphops.core.env.parse import parse_env_schema
from morphops.core.schema import parse_mapping
from morphops.errors import ConfigError
from tests.paths import ROOT

KINDS = "must be one of checksum, same, agree, answers, http, exec, inside"
INCOMPLETE = "not a JMESPath expression: Incomplete expression"
NAME = "a-z, 0-9, - and _, and a letter or digit first"
NOT_A = "unable to parse string as"
EITHER = "name a repository of your registry, or a source; one of them"
NAMED = "name the variable that the compose files use, or services"
NO_IMAGE = "is not the name of an image; write it as postgres:16 or ghcr.io/shop/api:1"
OWN = "repository: morphops-test/pair,"
ALONE = "name two different ones at least, or nothing is compared"
ONE_OF = f"one of {', '.join(field.name for field in dataclasses.fields(Bundle))}"
TYPE = "a value is not of the type that it looks like"
GOOD = (ROOT / "tests" / "stack" / "bundle.yaml").read_text()


@pytest.mark.parametrize("folder", [ROOT / "ops", ROOT / "tests" / "stack"])
def test_the_bundles_of_this_repository_are_right(folder: Path) -> None:
    bundle = site.load_bundle(folder / "bundle.yaml")
    assert all((folder / name).is_file() for name in bundle.files())
    schema = folder / bundle.env.schema
    assert parse_env_schema(schema.read_text(), str(schema)).variables


def test_the_quickstart_is_right() -> None:
    path = ROOT / "ops" / "quickstart.yaml"
    recipe = parse_mapping(path.read_text(), str(path), Quickstart)
    assert [question.name for question in recipe.ask.questions] == ["balance", "nonce", "code"]


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("127.0.0.1:5000", ""),
        ("registry.example", ""),
        ("Registry-1.Example:443", ""),
        ("localhost:1", ""),
        ("registry", ""),
        ("[::1]:5000", ""),
        ("https://registry.example", "leave https:// out"),
        ("http://me:hunter2@registry.example", "leave https:// out"),
        ("me:hunter2@registry.example", "docker login"),
        ("registry.example/hunter2", "a path belongs into"),
        ("registry.example/", "a path belongs into"),
        ("registry.example:", "as registry.example:5000"),
        (":5000", "as registry.example:5000"),
        ("registry.example:http", "as registry.example:5000"),
        ("registry example", "as registry.example:5000"),
        ("-registry.example", "as registry.example:5000"),
        ("registry_1:5000", "as registry.example:5000"),
        ("127.0.0.1:5000\n", "as registry.example:5000"),
        ("127.0.0.1:65536", "a port is 1 to 65535"),
        ("127.0.0.1:0", "a port is 1 to 65535"),
    ],
)
def test_the_address_of_a_registry(address: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    text = GOOD.replace("registry: 127.0.0.1:5000", f"registry: {json.dumps(address)}")
    path.write_text(text)
    assert parse.parse_bundle(text, "b.yaml").registry == address, "as a kept release has it"
    if not fault:
        assert site.load_bundle(path).registry == address
        assert site.load_bundle(path, address).registry == address
        return
    for registry, where in (("", "bundle.yaml:5: registry: "), (address, "MORPHOPS_REGISTRY: ")):
        with pytest.raises(ConfigError) as caught:
            site.load_bundle(path, registry)
        assert f"{where}must be host[:port]" in caught.value.what
        assert fault in caught.value.what
        assert "hunter2" not in caught.value.message()
    assert site.load_bundle(path, "127.0.0.1:1").registry == "127.0.0.1:1", "what counts is right"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("shop", True),
        ("shop/api.v2/a__b/c--d_e", True),
        ("a" * 255, True),
        ("a" * 256, False),
        ("Shop/api", False),
        ("shop/", False),
        ("/shop", False),
        ("shop//api", False),
        ("shop/-api", False),
        ("shop/a..b", False),
        ("shop/a___b", False),
        ("shop/api:1", False),
        ("127.0.0.1:5000/shop", False),
        (f"shop@sha256:{'a' * 64}", False),
        (" ", False),
    ],
)
def test_the_name_of_a_repository(name: str, right: bool, tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    for was, where in (
        ("repository: morphops-test/pair", "images/pair/repository"),
        ("releases: morphops-test/releases", "releases"),
    ):
        text = GOOD.replace(was, f"{was.partition(':')[0]}: {json.dumps(name)}")
        path.write_text(text)
        assert parse.parse_bundle(text, "b.yaml"), "as a kept release has it"
        if right:
            assert site.load_bundle(path)
            continue
        with pytest.raises(ConfigError) as caught:
            site.load_bundle(path)
        assert f": {where}: {name!r} is not the name of a repository" in caught.value.what


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse.parse_bundle(text, "b.yaml")
    assert caught.value.exit_code == 2
    return caught.value


def unnumbered(error: ConfigError) -> str:
    """What it says, without the lines: those have a test of their own."""
    return re.sub(r"yaml:\d+: (?=[a-z_]+[/:])", "yaml: ", error.message())


@pytest.mark.parametrize(
    ("was", "becomes", "line"),
    [
        ("checks: [data]", "chekcs: [data]", "chekcs"),
        ("at_least: 3", "at_lest: 3", "at_lest"),
        ("repository: morphops-test/pair,", "", "  pair:"),
        ("deadline: 60, probes: [pair]", "deadline: -1, probes: [pair]", "deadline: -1"),
        ("checks: [data]", "checks:\n  - data\n  - date\n", "  - date"),
        ("DATA_EPOCH: epoch", "DATA_EPOCH: 'epoch['", "'epoch['"),
    ],
)
def test_the_line_is_named(was: str, becomes: str, line: str) -> None:
    text = changed(was, becomes)
    number = next(n for n, found in enumerate(text.splitlines(), 1) if line in found)
    assert refused(text).what.startswith(f"b.yaml:{number}: ")


def changed(was: str, becomes: str) -> str:
    assert was in GOOD
    return GOOD.replace(was, becomes, 1)


@pytest.mark.parametrize(
    ("was", "becomes", "path"),
    [
        ("checks: [data]", "chekcs: [data]", "chekcs"),
        ("repository: morphops-test/pair,", "repository: x, tag: v1,", "images/pair/tag"),
        ("compose:\n", "compose:\n  file: x\n", "compose/file"),
        ("env:\n", "env:\n  path: x\n", "env/path"),
        ("documents:\n  data:\n", "documents:\n  data:\n    url: x\n", "documents/data/url"),
        ("deadline: 60, probes: [pair]", "dedline: 10", "waves/0/dedline"),
        ("kind: checksum,", "kind: checksum, size: x,", "probes/data/size"),
        ("at_least: 3", "at_lest: 3", "probes/answers/at_lest"),
        ("- {name: double,", "- {name: double, id: 1,", "probes/answers/questions/0/id"),
        ("env:\n", "build: {file: x, bake: y}\nenv:\n", "build/bake"),
    ],
)
def test_an_unknown_key_at_any_level(was: str, becomes: str, path: str) -> None:
    said, _, remedy = unnumbered(refused(changed(was, becomes))).partition("; ")
    assert said == f"b.yaml: {path}: unknown key"
    assert remedy.startswith(("did you mean ", "one of "))


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("schema: 1\n", "", "schema: is missing; add it"),
        ("schema: 1", "schema: 2", "schema: input should be 1"),
        ('  file: "{state}/test.env"\n', "", "env/file: is missing; add it"),
        ("name: double,", "", "probes/answers/questions/0/name: is missing; add it"),
        ("project: morphops-test", "project: 5", 'project: must be text; write "5"'),
        ("[compose/compose.yaml]", "x.yaml", "compose/files: input should be a valid tuple"),
        (
            "services: [a, b], d",
            "services: a, d",
            "waves/0/services: input should be a valid tuple",
        ),
        (
            "services: [a, b], d",
            "services: [a, 1], d",
            'waves/0/services/1: must be text; write "1"',
        ),
        (
            "deadline: 60",
            "deadline: ten",
            f"waves/0/deadline: input should be a valid number, {NOT_A} a number",
        ),
        ("deadline: 60", "deadline: .nan", "waves/0/deadline: input should be a finite number"),
        ("deadline: 60", "deadline: .inf", "waves/0/deadline: input should be a finite number"),
        ("env:\n", "pull: {stalled_after: 0}\nenv:\n", "pull/stalled_after: must be more than 0"),
        ("deadline: 60", "deadline: -1", "waves/0/deadline: must not be negative"),
        ("interval: 0.2", "interval: -1", "probes/pair/interval: must not be negative"),
        (
            "port: 8000",
            "port: http",
            f"probes/answers/port: input should be a valid integer, {NOT_A} an integer",
        ),
        ("probes:\n  data", "probes: []\ndata:\n  data", f"data: unknown key; {ONE_OF}"),
        ("kind: agree", "kind: agre", f"probes/pair/kind: {KINDS}"),
        ("kind: agree\n    ", "", f"probes/pair/kind: {KINDS}"),
        (
            "data: {kind: checksum, document: data, file: file, bytes: bytes, sha256: sha256}",
            "data: checksum",
            f"probes/data/kind: {KINDS}",
        ),
    ],
)
def test_a_wrong_or_missing_value(was: str, becomes: str, says: str) -> None:
    assert unnumbered(refused(changed(was, becomes))) == f"b.yaml: {says}"


SAME = "data: {kind: same, documents: [data%s], fields: {n: '%s'}}"
DATA = "data: {kind: checksum, document: data, file: file, bytes: bytes, sha256: sha256}"


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("project: morphops-test", "project: Shop!", f"project: {NAME}"),
        ("project: morphops-test", "project: -shop", f"project: {NAME}"),
        (OWN, "", f"images/pair/repository: {EITHER}"),
        (OWN, f"{OWN} source: nginx,", f"images/pair/repository: {EITHER}"),
        (", variable: PAIR_IMAGE", "", f"images/pair/variable: {NAMED}"),
        ("PAIR_IMAGE", "PAIR_IMAGE, services: [a]", f"images/pair/variable: {NAMED}"),
        (OWN, "source: 'nginx:',", f"images/pair/source: 'nginx:' {NO_IMAGE}"),
        (OWN, "source: Nginx,", f"images/pair/source: 'Nginx' {NO_IMAGE}"),
        (
            OWN,
            "source: 'nginx@sha256:1',",
            "images/pair/source: 'nginx@sha256:1' has no digest behind the @: "
            "write sha256: and 64 hex digits",
        ),
        (
            OWN,
            "source: nginx, target: x,",
            "images/pair/target: what is built here has a repository, and no source",
        ),
        (
            "images:\n",
            "images:\n  x: {source: x, services: [a, b]}\n  y: {source: y, services: [b]}\n",
            "images/y/services/0: b has the image x already",
        ),
        (
            "compose:\n",
            "compose:\n  carries: [a, ./b/]\n  data: [../a, b]\n",
            "compose/data/1: b stands in carries already",
        ),
        (
            "compose:\n",
            "compose:\n  data: [/srv/a]\n",
            "compose/data/0: '/srv/a' is not relative to the bundle's folder",
        ),
        (
            "compose:\n",
            "compose:\n  carries: [a.env]\n  values: {./a.env: [A]}\n",
            "compose/values/a.env: a.env stands in carries already",
        ),
        (
            "compose:\n",
            "compose:\n  folder: srv\n",
            "compose/folder: 'srv' is not an absolute path",
        ),
        (
            "compose:\n",
            "compose:\n  carries: [../a]\n",
            "compose/carries/0: '../a' is no path inside of the bundle's folder; "
            "put the file there",
        ),
        ("FRONT_IMAGE", "PAIR_IMAGE", "images/front/variable: already that of 'pair'"),
        (
            "DATA_EPOCH: epoch",
            "PAIR_IMAGE: epoch",
            "documents/data/provides/PAIR_IMAGE: already that of 'pair'",
        ),
        ("DATA_EPOCH: epoch", "X: 'epoch['", f"documents/data/provides/X: {INCOMPLETE}"),
        ("checks: [data]", "checks: [date]", "checks/0: no such probe 'date'"),
        (
            "checks: [data]",
            "checks: [data, pair]",
            "checks/1: 'pair' needs running services, so it is not a check",
        ),
        ("probes: [pair]}", "probes: [par]}", "waves/0/probes/0: no such probe 'par'"),
        ("[front, extra]", "[front, a]", "waves/1/services/1: a is in wave 1 already"),
        ("[front, extra]", "[front, front]", "waves/1/services/1: front is in wave 2 already"),
        ("document: data, file", "document: x, file", "probes/data/document: no such document 'x'"),
        (DATA, SAME % (", x", "n"), "probes/data/document: no such document 'x'"),
        (DATA, SAME % ("", "n"), f"probes/data/documents: {ALONE}"),
        (DATA, SAME % (", data", "n"), f"probes/data/documents: {ALONE}"),
        ("service: front", "service: web", "probes/answers/services: 'web' is in no wave"),
        (
            "{service: front,",
            "{service: w,",
            "invariants/never-loose/service: 'w' is in no wave; name one that is",
        ),
        (
            "[--loose]",
            "[]",
            "invariants/never-loose/forbids: names no flag, so nothing is forbidden",
        ),
        (
            "[--loose]",
            "[--ok, --with=value, loose=1]",
            "invariants/never-loose/forbids/2: 'loose=1' is not a flag: "
            "write --name, or --name=value",
        ),
        (
            "why: loose answers may be anybody's",
            "why: ''",
            "invariants/never-loose/why: say what is lost when it is broken",
        ),
        (
            "never-loose:",
            "Never Loose:",
            "invariants/Never Loose/name: a-z, 0-9 and -, since it is typed",
        ),
        ("services: [a, b]\n", "services: [a, c]\n", "probes/pair/services: 'c' is in no wave"),
        (
            "services: [a, b]\n",
            "services: []\n",
            "probes/pair/services: name two different ones at least, or nothing is compared",
        ),
        ("show: [epoch]", "show: [era]", "probes/pair/show: 'era' is not in `fields`"),
        (
            "matches: {epoch: epoch}",
            "matches: {era: e}",
            "probes/pair/matches: 'era' is not in `fields`",
        ),
        (
            "fields: {epoch: epoch}",
            "fields: {epoch: '['}",
            f"probes/pair/fields/epoch: {INCOMPLETE}",
        ),
        ("rows: rows", "rows: '['", f"probes/answers/rows: {INCOMPLETE}"),
        ("expect: double", "expect: '['", f"probes/answers/questions/0/expect: {INCOMPLETE}"),
        (
            "expect: double",
            "expect: double, when: '['",
            f"probes/answers/questions/0/when: {INCOMPLETE}",
        ),
        ("{n}", "{[}", f"probes/answers/questions/0/params/0: {INCOMPLETE}"),
        (
            "settle: 0",
            "settle: 0\nkeeps: [{service: w, because: x}]",
            "keeps/0/service: 'w' is in no wave; name one that is",
        ),
        (
            "settle: 0",
            "settle: 0\nkeeps: [{service: front, because: ' '}]",
            "keeps/0/because: say why it may stay",
        ),
        (
            "settle: 0",
            "settle: 0\njobs: {w: {}}",
            "jobs/w/service: is in no wave; put it in the one in which it is to run",
        ),
        (
            "settle: 0",
            "settle: 0\njobs: {a: {deadline: 0}}",
            "jobs/a/deadline: must be more than 0",
        ),
        (
            "settle: 0",
            "settle: 0\njobs: {a: {undo: b}}",
            "jobs/a/undo: 'b' is in a wave, so each deploy would run it",
        ),
        (
            "settle: 0",
            "settle: 0\njobs: {a: {undo: z, reversible: true}}",
            "jobs/a/undo: reversible: true says that nothing is taken back; remove one",
        ),
        (
            "service: front\n    port",
            "service: front\n    judges: [w]\n    port",
            "probes/answers/judges: 'w' is in no wave",
        ),
        (
            "service: front\n    port",
            "service: front\n    judges: [front]\n    port",
            "probes/answers/judges: 'front' is what is asked already",
        ),
    ],
)
def test_one_part_contradicts_another(was: str, becomes: str, says: str) -> None:
    assert unnumbered(refused(changed(was, becomes))) == f"b.yaml: {says}"


def test_a_webhook_whose_url_was_written_into_the_bundle() -> None:
    notify = "notify: {url_from: 'https://x.example/T0KEN', timeout: 0, moments: []}"
    message = unnumbered(refused(changed("checks: [data]", f"checks: [data]\n{notify}")))
    for says in (
        "notify/url_from: write the name of the variable that holds the URL",
        "notify/timeout: must be more than 0",
        "notify/moments: names none, so nothing is sent",
    ):
        assert says in message
    assert "T0KEN" not in message


@pytest.mark.parametrize("param", ["{n", "n}", "{{a: n}}", "{}"])
def test_a_parameter_is_an_expression_only_inside_of_braces(param: str) -> None:
    bundle = parse.parse_bundle(changed("{n}", param), "b.yaml")
    (question,) = bundle.probes["answers"].questions  # type: ignore[union-attr]
    assert question.params == (param,)


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("schema: 1", "schema: 1\nschema: 1", ":4: schema: stands here a second time"),
        (
            "{epoch: epoch}",
            "{epoch: a, epoch: b}",
            ":31: probes/pair/fields/epoch: stands here a second time",
        ),
        (
            "- {services: [a, b]",
            "- {deadline: 1, services: [a, b]",
            ":23: waves/0/deadline: stands here a second time",
        ),
        ("schema: 1", "? [a]\n: 1\nschema: 1", ":3: a key must be plain text"),
        ("schema: 1", "schema: 1\n\tx: 1", ":4: found character '\\t' that cannot start any token"),
        ("schema: 1", "schema: *x", ":3: found undefined alias 'x'"),
        ("schema: 1", "schema: 1\n---\na: 1", ":4: but found another document"),
        (
            "schema: 1",
            "schema: \x01",
            ": unacceptable character #x0001: special characters are not allowed",
        ),
        (
            "project: morphops-test",
            "project: !!python/name:os.system",
            ":4: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/name:os.system'",
        ),
        ("project: morphops-test", "project: 2024-13-45", f": {TYPE}: month must be in 1..12"),
        ("project: morphops-test", "project: !!bool perhaps", f": {TYPE}: 'perhaps'"),
        ("schema: 1", "itself: &a [*a]\nschema: 1", f":3: itself: unknown key; {ONE_OF}"),
    ],
)
def test_what_yaml_allows_or_refuses(was: str, becomes: str, says: str) -> None:
    assert refused(changed(was, becomes)).message() == f"b.yaml{says}"


def test_every_finding_at_once() -> None:
    text = changed("checks: [data]", "checks: [x]").replace("[front, extra]", "[front, a]")
    assert unnumbered(refused(text)).splitlines() == [
        "b.yaml: 2 findings",
        "  b.yaml: waves/1/services/1: a is in wave 1 already",
        "  b.yaml: checks/0: no such probe 'x'",
    ]
    text = changed("checks: [data]", "chekcs: [data]").replace("schema: 1", "schema: 3")
    assert refused(text).detail == (
        "b.yaml:3: schema: input should be 1",
        "b.yaml:21: chekcs: unknown key; did you mean checks?",
    )


@pytest.mark.parametrize("probes", ["[]", "none", "", "0"])
def test_probes_that_are_no_mapping(probes: str) -> None:
    text = GOOD.partition("probes:\n")[0] + f"probes: {probes}\n"
    assert unnumbered(refused(text)) == "b.yaml: probes: must be a mapping of names to probes"


def test_what_may_be_left_out() -> None:
    text = GOOD.partition("documents:\n")[0] + "waves: [{services: [a]}]\n"
    bundle = parse.parse_bundle(text, "b.yaml")
    assert (bundle.probes, bundle.checks, bundle.build) == ({}, (), None)
    assert bundle.waves[0].deadline == 120


def test_files_by_profile() -> None:
    bundle = parse.parse_bundle(GOOD, "b.yaml")
    assert bundle.compose_files(()) == ("compose/compose.yaml",)
    both = ("compose/compose.yaml", "compose/compose.extra.yaml")
    assert bundle.compose_files(("extra",)) == bundle.files() == both
    assert bundle.compose_files(("unheard-of", "extra", "extra")) == both


def test_an_image_of_somebody_else() -> None:
    text = changed("images:\n", "images:\n  db: {source: docker.io/postgres:16, services: [a]}\n")
    bundle = parse.parse_bundle(text, "b.yaml")
    assert bundle.repository("db") == "postgres"
    assert not bundle.owns("postgres")
    assert "db" not in bundle.image_variables.values()
    assert bundle.images["db"].services == ("a",)


def test_what_stands_beside_the_compose_files() -> None:
    lists = "compose:\n  carries: [./conf/, a.sh]\n  data: [./data, ../x]\n  leaves: [./]\n"
    spec = parse.parse_bundle(changed("compose:\n", lists), "b.yaml").compose
    assert (spec.carries, spec.data, spec.leaves) == (("conf", "a.sh"), ("data", "../x"), (".",))


def test_what_a_bundle_owns() -> None:
    bundle = parse.parse_bundle(GOOD, "b.yaml")
    assert bundle.repository("pair") == "127.0.0.1:5000/morphops-test/pair"
    assert bundle.owns("127.0.0.1:5000/morphops-test/releases")
    assert bundle.owns(bundle.repository("front"))
    assert not bundle.owns("morphops-test/pair")
    assert not bundle.owns("127.0.0.1:5000/morphops-test/pair/more")


@pytest.mark.parametrize("text", ["", "- a\n", "just text"])
def test_what_is_no_mapping(text: str) -> None:
    with pytest.raises(ConfigError, match="must be a mapping"):
        parse.parse_bundle(text, "b.yaml")


def test_a_bundle_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "bundle.yaml"
    with pytest.raises(ConfigError) as caught:
        site.load_bundle(path)
    assert caught.value.what == f"{path}: there is no such bundle"
    assert "MORPHOPS_BUNDLE" in caught.value.hint
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bundle\.yaml:1: is not UTF-8"):
        site.load_bundle(path)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        site.load_bundle(tmp_path)


def test_a_schema_names_only_variables_it_has() -> None:
    text = (
        "schema: 1\nvariables: {A: {about: x, same_as: B, differs_from: C, binds: D},"
        " C: {about: y, pattern: '('}}"
    )
    with pytest.raises(ConfigError) as caught:
        parse_env_schema(text, "s.yaml")
    assert unnumbered(caught.value).splitlines() == [
        "s.yaml: 3 findings",
        "  s.yaml: variables/A/same_as: no such variable 'B'",
        "  s.yaml: variables/A/binds: no such variable 'D'",
        "  s.yaml: variables/C/pattern: missing ), unterminated subpattern at position 0",
    ]


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("{}", "about: is missing; add it"),
        ("{about: x, secrt: true}", "secrt: unknown key; did you mean secret?"),
        (
            "{about: x, secret: perhaps}",
            "secret: input should be a valid boolean, unable to interpret input",
        ),
        ("{about: x, default: 5}", 'default: must be text; write "5"'),
        ("{about: x, generate: hex8}", "generate: input should be '', 'hex16' or 'hex32'"),
    ],
)
def test_a_variable_that_is_wrong(variable: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_env_schema(f"schema: 1\nvariables: {{A: {variable}}}", "s.yaml")
    assert unnumbered(caught.value) == f"s.yaml: variables/A/{says}"


def test_a_quickstart_that_is_wrong() -> None:
    text = "schema: 1\nask: {service: a, port: 1, document: d, questions: [{name: n}], x: 1}\n"
    with pytest.raises(ConfigError) as caught:
        parse_mapping(text, "q.yaml", Quickstart)
    assert caught.value.detail == (
        "q.yaml:2: ask/questions/0/method: is missing; add it",
        "q.yaml:2: ask/questions/0/params: is missing; add it",
        "q.yaml:2: ask/questions/0/expect: is missing; add it",
        "q.yaml:2: ask/x: unknown key; one of service, port, document, questions",
    )


@pytest.mark.parametrize("deep", ["[" * 1_000 + "]" * 1_000, "{a: " * 1_000 + "}" * 1_000])
def test_what_is_nested_too_deeply(deep: str) -> None:
    with pytest.raises(ConfigError, match=r"^b\.yaml: is nested too deeply$"):
        parse.parse_bundle(f"schema: {deep}\n", "b.yaml")


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("{about: A., default: localhost, pattern: '[0-9.]+'}", "default: does not match its own"),
        ("{about: A., generate: hex16, pattern: '[0-9a-f]{64}'}", "hex16 makes 32 hex digits"),
        ("{about: A., required: true}", "templates: none of them holds A, which is required"),
    ],
)
def test_a_schema_that_contradicts_itself(variable: str, says: str) -> None:
    text = (
        f"schema: 1\nvariables:\n  A: {variable}\n  B: {{about: B.}}\n"
        "templates: {all: {about: All., variables: [B]}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_env_schema(text, "schema.yaml")
    assert says in caught.value.message()
