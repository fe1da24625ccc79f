"""Who is told of a deploy: the moments, the webhook, and that its URL is never seen."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from morphops.adapters import actor
from morphops.adapters import webhook as sender
from morphops.adapters.signals import Signals
from morphops.core.bundle.moments import Hook, Notify
from morphops.core.checks import variable_rules
from morphops.core.env.parse import parse_env_schema
from morphops.core.history.operations import Kind, Outcome, Record
from morphops.core.yaml_text import YamlText
from morphops.errors import GateFailed, LockLost, MorphopsError
from morphops.operations.pipeline import notify as pipeline_notify
from morphops.operations.pipeline.session import Session
from morphops.settings import ENV_LOCK_TOKEN
from morphops.site import Site, open_site
from tests import webhooks
from tests.fakes import Grip, Recorder, Remembering
from tests.paths import ROOT, STACK
from tests.results import validate
from tests.samples.history import records
from tests.samples.releases import digest
from tests.webhooks import TOKEN, Manner, Webhook

SECRET = "sk-sentinel-8c1f0e5d"
VARIABLE = "OPS_WEBHOOK"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with webhooks.served() as webhook:
        yield webhook


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def site(tmp_path: Path, recorder: Recorder, webhook: Webhook) -> Site:
    """The test stack, with a webhook whose URL stands in the environment."""
    shutil.copytree(STACK, tmp_path / "ops")
    path = tmp_path / "ops" / "bundle.yaml"
    path.write_text(f"{path.read_text()}notify: {{url_from: {VARIABLE}, timeout: 30}}\n")
    environ = {
        "MORPHOPS_BUNDLE": str(path),
        "MORPHOPS_STATE": str(tmp_path / "state"),
        VARIABLE: webhook.url,
    }
    site = open_site(recorder, environ)
    site.state.ensure()
    return site.on(heads=Remembering())


def tell(
    site: Site,
    record: Record,
    previous: str = "",
    error: MorphopsError | None = None,
    signals: Signals | None = None,
) -> None:
    """What a use case does with an operation that it carries out."""
    with pipeline_notify.outcome(site, session(site, signals), record, previous):
        if error:
            raise error


def session(site: Site, signals: Signals | None = None) -> Session:
    return Session(site, Grip(actor.holder("deploy")), signals or Signals())


def ended(
    site: Site, kind: Kind = "deploy", outcome: Outcome = "deployed", error: str = ""
) -> Record:
    """An operation of the site's history that came to its end."""
    history = session(site).history
    record = history.begin(kind, release=digest("1"), deployment=1, reason=f"why {SECRET}")
    history.end(record, outcome, error)
    return record


@pytest.mark.parametrize(
    ("kind", "outcome", "moment"),
    [
        ("deploy", "deployed", "after-deploy"),
        ("deploy", "rolled back", "on-failure"),
        ("deploy", "failed", "on-failure"),
        ("deploy", "refused", "on-failure"),
        ("deploy", "", None),  # not over
        ("rollback", "deployed", "after-rollback"),
        ("rollback", "rolled back", "on-failure"),
        ("up", "deployed", None),
        ("up", "rolled back", None),
        ("down", "stopped", None),
        ("prune", "pruned", None),
        ("approve", "recorded", None),
    ],
)
def test_moments(kind: Kind, outcome: Outcome | Literal[""], moment: str | None) -> None:
    (record,) = records((kind, "A", outcome))
    assert pipeline_notify.moment_of(record) == moment


def test_what_the_webhook_is_sent(site: Site, webhook: Webhook, recorder: Recorder) -> None:
    site.redact.learn([SECRET])
    record = ended(site, outcome="rolled back", error=f"not healthy:\n {SECRET}")
    folder = site.state.root / "failures" / f"20260101T000000Z-{record.id}"
    folder.mkdir(parents=True)
    tell(site, record, digest("0"))
    (body,) = webhook.bodies
    (read,) = site.history.records()
    assert body == {
        "schema": 1,
        "text": "morphops-test: deploy of 111111111111 rolled back",
        "project": "morphops-test",
        "moment": "on-failure",
        "operation": 1,
        "kind": "deploy",
        "release": digest("1"),
        "previous": digest("0"),
        "outcome": "rolled back",
        "error": "not healthy: REDACTED",
        "reason": "why REDACTED",
        "user": read.user,
        "host": read.host,
        "began": read.began,
        "ended": read.ended,
        "evidence": str(folder),
    }
    assert recorder.lines == []
    validate("webhook", body)


@pytest.mark.parametrize(
    ("manner", "timeout", "says"),
    [
        ("error", 30, "it answered 500"),
        ("redirect", 30, "it answered 307, and redirects are not followed"),
        ("hang", 0.2, "there was no answer within 0.2 s"),
        ("drip", 0.2, "there was no answer within 0.2 s"),
    ],
)
def test_one_that_fails_is_shown_and_changes_nothing(
    site: Site, webhook: Webhook, recorder: Recorder, manner: Manner, timeout: float, says: str
) -> None:
    webhook.manner = manner
    bundle = replace(site.bundle, notify=Notify(url_from=VARIABLE, timeout=timeout))
    site = replace(site, bundle=bundle)
    tell(site, ended(site))
    assert recorder.lines == [f"the webhook was not told of after-deploy: {says}"]
    assert TOKEN not in "".join(recorder.lines)
    assert len(webhook.bodies) == 1
    assert webhook.astray == []


@pytest.mark.parametrize(
    "url",
    [
        "{closed}",
        "ftp://127.0.0.1/{token}",
        "file:///{token}",
        "//127.0.0.1/{token}",
        "http:///{token}",
        "http://[::1/{token}",
        "http://{token}:x@127.0.0.1:port/",
        "http://user:{token}@/",
        "http://127.0.0.1:99999/{token}",
        "http://127.0.0.1\x00/{token}",
        "{token}",
    ],
)
def test_a_url_that_leads_nowhere_is_never_shown(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = url.format(closed=f"http://127.0.0.1:{port}/{TOKEN}", token=TOKEN)
    failed = sender.post(url, {}, timeout=30)
    assert failed
    assert TOKEN not in failed


def test_a_failure_is_told_and_still_raised(site: Site, webhook: Webhook) -> None:
    record = ended(site, outcome="failed", error="x")
    with pytest.raises(GateFailed, match="as it was"):
        tell(site, record, error=GateFailed("as it was"))
    assert [body["moment"] for body in webhook.bodies] == ["on-failure"]


def test_only_the_moments_that_it_asked_for(site: Site, webhook: Webhook) -> None:
    notify = Notify(url_from=VARIABLE, moments=("on-failure",))
    site = replace(site, bundle=replace(site.bundle, notify=notify))
    outcomes: tuple[Outcome, ...] = ("deployed", "rolled back")
    for outcome in outcomes:
        tell(site, ended(site, outcome=outcome))
    tell(site, ended(site, kind="up"))
    assert [body["outcome"] for body in webhook.bodies] == ["rolled back"]


def test_the_url_of_the_env_file(site: Site, webhook: Webhook, recorder: Recorder) -> None:
    site = replace(site, environ={})
    record = ended(site)
    tell(site, record)
    assert recorder.lines == [f"the webhook was not told of after-deploy: {VARIABLE} is not set"]
    values = f"{VARIABLE}='{webhook.url}'\n".encode()
    site.state.write(site.state.deployment(1).values, values)
    tell(site, record)
    assert len(webhook.bodies) == 1
    assert TOKEN not in site.redact(f"somebody prints {webhook.url}")


def test_a_url_of_the_environment_is_a_secret_from_the_start(site: Site, webhook: Webhook) -> None:
    assert TOKEN not in site.redact(f"{webhook.url} {TOKEN}")
    assert VARIABLE not in site.exported  # it beats nothing that a compose file names


def test_a_ctrl_c_while_it_is_told_changes_nothing(
    site: Site, webhook: Webhook, recorder: Recorder
) -> None:
    """The operation is over by then; and who is told may take long, so it is heard at once."""
    webhook.manner = "interrupt"
    hook = site.folder / "hook"
    hook.write_text("#!/bin/sh\nsleep 0.5; kill -TERM $PPID\nexec sleep 60\n")
    hook.chmod(0o755)
    hooks: Any = {"after-deploy": Hook(run="hook")}
    site = replace(site, bundle=replace(site.bundle, hooks=hooks))
    record = ended(site)
    for lines in (
        ["hook after-deploy: hook", "the hook after-deploy ended with 143"],
        ["the webhook was not told of after-deploy: interrupted while it was"],
    ):
        recorder.lines.clear()
        signals = Signals()
        with signals.handled():
            signals.mask()
            tell(site, record, signals=signals)
        assert recorder.lines[: len(lines)] == lines
        site = replace(site, bundle=replace(site.bundle, hooks={}))


def test_a_history_that_cannot_be_read_hides_nothing(site: Site, recorder: Recorder) -> None:
    record = ended(site)
    site.history.path.write_text("{}\n")
    with pytest.raises(GateFailed, match="as it was"):
        tell(site, record, error=GateFailed("as it was"))
    assert recorder.lines[0].startswith("not everybody was told of it: ")


def test_of_an_operation_that_did_not_end_nobody_is_told(site: Site, webhook: Webhook) -> None:
    """Somebody took its lock, and goes on with it; and what others did meanwhile is not ours."""
    record = session(site).history.begin("deploy", release=digest("1"), deployment=1, reason="")
    ended(site)
    with pytest.raises(LockLost):
        tell(site, record, error=LockLost("the lock was taken away"))
    assert webhook.bodies == []


def test_the_hook_is_told_first(site: Site, webhook: Webhook, recorder: Recorder) -> None:
    hook = site.folder / "hook"
    hook.write_text('#!/bin/sh\necho "$MORPHOPS_MOMENT $MORPHOPS_PREVIOUS" >&2\nexit 3\n')
    hook.chmod(0o755)
    hooks: Any = {"after-deploy": Hook(run="hook")}
    site = replace(site, bundle=replace(site.bundle, hooks=hooks))
    tell(site, ended(site), digest("0"))
    assert recorder.lines == [
        "hook after-deploy: hook",
        f"after-deploy {digest('0')}",
        "the hook after-deploy ended with 3",
    ]
    assert len(webhook.bodies) == 1


@pytest.mark.parametrize("page", ["how-to/notify.md", "reference/environment.md"])
def test_the_pages_about_hooks_name_every_variable_that_one_gets(
    site: Site, recorder: Recorder, page: str
) -> None:
    hook = site.folder / "hook"
    hook.write_text("#!/bin/sh\nenv | sed -n 's/^\\(MORPHOPS_[A-Z]*\\)=.*/\\1/p' >&2\n")
    hook.chmod(0o755)
    hooks: Any = {"after-deploy": Hook(run="hook")}
    site = replace(site, bundle=replace(site.bundle, hooks=hooks, notify=None))
    tell(site, ended(site))
    text = (ROOT / "docs" / page).read_text()
    own = {ENV_LOCK_TOKEN, *(name for name in os.environ if name.startswith("MORPHOPS_"))}
    told = set(recorder.lines[1:]) - own
    assert len(told) == 6, recorder.lines
    assert {name for name in told if f"`{name}`" not in text} == set()


@pytest.mark.parametrize(
    ("secret", "findings"),
    [
        ("true", []),
        ("false", ["OPS_WEBHOOK holds the URL of a webhook, which is a secret"]),
    ],
)
def test_in_the_env_schema_it_is_a_secret(site: Site, secret: str, findings: list[str]) -> None:
    text = f"schema: 1\nvariables: {{{VARIABLE}: {{about: x, secret: {secret}}}}}\n"
    schema = parse_env_schema(text, "s.yaml")
    found = variable_rules.check((), site.bundle, schema, YamlText("s.yaml", text))
    assert [finding.what for finding in found] == findings
