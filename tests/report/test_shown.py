"""What each result looks like for people: lines that can be read, grepped and pasted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from morphops.core.history.operations import Record
from morphops.core.host.requirements import Row
from morphops.core.results.approval import Approval, ApprovalList, InvariantRow
from morphops.core.results.audit import AuditProof
from morphops.core.results.build import Build
from morphops.core.results.bundle import BundleCheck
from morphops.core.results.check import CheckFinding
from morphops.core.results.deploy import DeployResult, Down
from morphops.core.results.drift import Drift
from morphops.core.results.env import (
    EnvCheck,
    EnvCreated,
    EnvEdited,
    EnvEncrypted,
    EnvIdentity,
    EnvSources,
    EnvTemplates,
    VariableSource,
)
from morphops.core.results.history import Adoption, EngineHead, History
from morphops.core.results.host import HostCheck, HostSetup
from morphops.core.results.image import BaseImages, ImageCheck
from morphops.core.results.lock import CurrentStep, LockBroken, LockHolder, LockStatus
from morphops.core.results.logs import Logs
from morphops.core.results.prune import Prune
from morphops.core.results.quickstart import Answer, Quickstart
from morphops.core.results.release import (
    Pin,
    ReleaseDetail,
    ReleaseImage,
    ReleaseList,
    ReleaseRow,
)
from morphops.core.results.runbook import RunbookCheck, RunbookProof, RunbookRun
from morphops.core.results.smoke import ProbeResult, Smoke
from morphops.core.results.status import (
    Incomplete,
    ProbeFacts,
    RunningImage,
    RunningService,
    Status,
)
from morphops.core.results.verify import Verification
from morphops.core.results.wait import Wait
from morphops.core.verify.drift import Difference
from morphops.report import (
    approval,
    audit,
    build,
    bundle,
    deploy,
    drift,
    env,
    history,
    host,
    image,
    lock,
    logs,
    prune,
    quickstart,
    release,
    runbook,
    smoke,
    status,
    wait,
)
from morphops.report.console import Reporter

DIGEST = "sha256:" + "1" * 64
SHORT = "1" * 12
WHEN = "2026-01-01T10:00:00+00:00"
RECORD = Record(
    id=1,
    kind="deploy",
    release=DIGEST,
    deployment=1,
    fingerprint="f",
    reason="a fix",
    user="ann",
    host="host",
    began=WHEN,
    ended=WHEN,
    outcome="deployed",
)
FINDING = CheckFinding(what="it is wrong", text="a.yaml:1: it is wrong; fix it")
HOLDER = LockHolder(what="deploy", reason="a fix", user="ann", host="h", pid=7, since=WHEN)
RUNS = RunningService(
    service="api",
    state="running",
    health="healthy",
    created_by=DIGEST,
    name="shop-api-1",
    image=RunningImage(kind="config", digest=DIGEST, released=DIGEST, matches=True),
    ports=("127.0.0.1:80",),
)
STATUS = Status(
    state="healthy",
    project="shop",
    state_folder="/state",
    release=DIGEST,
    since=WHEN,
    services=(RUNS,),
    probes={"pair": ProbeFacts(ready=True, reason="they agree", facts={})},
    differences=(),
    under_way=None,
    history="",
)
INCOMPLETE = Incomplete(
    id=1,
    kind="deploy",
    release=DIGEST,
    deployment=1,
    fingerprint="f",
    reason="a fix",
    user="ann",
    host="host",
    began=WHEN,
    alive=False,
    holder="",
    what="operation 1 was interrupted",
    next="inv resume, or inv abort",
)
INVARIANT = InvariantRow(name="quiet", service="api", forbids=("--verbose", "--debug"))
APPROVED = replace(INVARIANT, approved=True, by="ann", since=WHEN, reason="a search")
DETAIL = ReleaseDetail(
    release=DIGEST,
    project="shop",
    images={"api": ReleaseImage(ref="r/api@x", manifest="m", config="c", platform="linux/amd64")},
    files=("bundle.yaml",),
    labels={"git": "abc"},
    stored=True,
    kept_by=("it runs",),
    operations=(RECORD, replace(RECORD, outcome="")),
)
ADOPTION = Adoption(
    state="adopted",
    changed=True,
    why="the file is gone",
    release=DIGEST,
    values="shop.env",
    set_aside="/state/history.broken",
    engine=EngineHead(entries=3, release=DIGEST, operation=0, step=""),
)
MADE = EnvCreated(
    path="a b.env", template="", encrypted=False, made=("KEY",), taken=(), left={"URL": "where"}
)
EDITED = EnvEdited(state="changed", env_file="a.env", template="", encrypted=False, changed=True)
PLANNED = Prune(
    state="planned",
    project="shop",
    nothing=False,
    kept={DIGEST: ("it runs",)},
    releases=(DIGEST,),
    references=("shop/api:1", "busy"),
    nameless=(DIGEST,),
    containers=("old",),
    deployments=(1,),
    refused=("busy",),
    rollback="",
    at_most=1_500_000,
    freed=0,
)
ANSWER = Answer(question="balance", answer="7" * 40, expected=7, right=False)

Shown = tuple[Callable[[Reporter, Any], None], object, tuple[str, ...]]
SHOWN: dict[str, Shown] = {
    "granted": (
        approval.approval,
        Approval(state="approved", name="quiet", operation=4, changed=True),
        ("quiet: approved", "recorded as operation 4; next: inv verify"),
    ),
    "granted before": (
        approval.approval,
        Approval(state="approved", name="quiet", operation=0, changed=False),
        ("quiet: approved (as before)",),
    ),
    "approvals": (
        approval.approvals,
        ApprovalList(project="shop", invariants=(INVARIANT, APPROVED)),
        (
            "invariant  of   forbids            approved",
            "quiet      api  --verbose --debug  -",
            f"quiet      api  --verbose --debug  by ann, {WHEN}: a search",
        ),
    ),
    "an empty history": (
        audit.audit_verify,
        AuditProof(file="h", entries=0, operations=0, head="", engine="not asked", cut_off=0),
        ("h: 0 entries of 0 operations",),
    ),
    "a history that holds": (
        audit.audit_verify,
        AuditProof(file="h", entries=3, operations=1, head="f" * 64, engine="agrees", cut_off=0),
        (
            "h: 3 entries of 1 operations",
            f"nothing was edited, dropped or moved; the last hash is {'f' * 64}",
            "the engine: agrees",
            "note it elsewhere; later: inv audit.verify --head=ffffffffffff",
        ),
    ),
    "built": (
        build.build,
        Build(images={"b": "r/b", "a": "r/a"}, pushed=True),
        (
            "image  reference",
            "a      r/a",
            "b      r/b",
            "next: inv image.check; inv release.create",
        ),
    ),
    "built, and not pushed": (
        build.build,
        Build(images={"a": "r/a"}, pushed=False),
        ("image  reference", "a      r/a"),
    ),
    "bases that are not needed": (
        build.bases,
        BaseImages(state="not needed", images={}, replaces={}),
        ("nothing to make: a public registry answers, and no base was made here before",),
    ),
    "bases": (
        build.bases,
        BaseImages(state="built", images={"base": "r"}, replaces={}),
        ("image  reference", "base   r"),
    ),
    "artifacts that are right": (
        bundle.bundle_check,
        BundleCheck(state="ok"),
        ("every artifact is ok",),
    ),
    "artifacts that could be harder": (
        bundle.bundle_check,
        BundleCheck(state="ok", hardening=2),
        ("2 ways to harden the stack: inv bundle.check --hardening", "every artifact is ok"),
    ),
    "how they could be harder": (
        bundle.bundle_check,
        BundleCheck(state="ok", hardening=1, advice=(FINDING,)),
        (FINDING.text, "1 way to harden the stack", "every artifact is ok"),
    ),
    "artifacts that are wrong": (
        bundle.bundle_check,
        BundleCheck(state="findings", findings=(FINDING, FINDING), next="inv bundle.check", exit=2),
        (FINDING.text, FINDING.text, "2 findings", "next:  inv bundle.check"),
    ),
    "deployed": (
        deploy.deployed,
        DeployResult(state="healthy", release=DIGEST, changed=False),
        (f"healthy: {DIGEST} (as before)",),
    ),
    "down": (deploy.down, Down(changed=True), ("down",)),
    "drift": (
        drift.drift,
        Drift(
            state="drift",
            exit=6,
            next="inv up",
            release=DIGEST,
            differences=(Difference("missing", "api", "is not there"),),
        ),
        (
            "difference  of   what",
            "missing     api  is not there",
            "next:  inv up",
            f"drift: {DIGEST}",
        ),
    ),
    "no drift": (
        drift.drift,
        Drift(state="as released", release=DIGEST),
        (f"as released: {DIGEST}",),
    ),
    "verified": (
        drift.verify,
        Verification(state="verified", release=DIGEST),
        (f"verified: {DIGEST}",),
    ),
    "templates": (
        env.env_template,
        EnvTemplates(state="written", written=("a.example", "b.example")),
        ("a.example", "b.example"),
    ),
    "templates as before": (
        env.env_template,
        EnvTemplates(state="as before", written=()),
        ("every file is as the env schema has it",),
    ),
    "a new env file": (
        env.env_init,
        MADE,
        (
            "made a b.env, mode 0600; fresh: KEY",
            "left to fill in:",
            "variable  what it is",
            "URL       where",
            "next: inv env.edit --env-file='a b.env'",
        ),
    ),
    "a new env file of a part": (
        env.env_init,
        replace(MADE, template="api", encrypted=True, made=(), taken=("A", "B"), left={}),
        (
            "made a b.env, encrypted; fresh: nothing",
            "as in the other file: A, B",
            "next: inv env.check --env-file='a b.env' --template=api",
        ),
    ),
    "an env file that is right": (
        env.env_check,
        EnvCheck(state="ok", env_file="a.env", encrypted=True, variables=1),
        ("a.env: ok, 1 variable, encrypted",),
    ),
    "an env file that is wrong": (
        env.env_check,
        EnvCheck(state="findings", findings=(FINDING,), env_file="a", encrypted=True, variables=1),
        (FINDING.text, "1 finding"),
    ),
    "sources": (
        env.env_show,
        EnvSources(
            env_file="/etc/shop/a.env",
            encrypted=False,
            variables=(
                VariableSource(
                    name="KEY", source="/etc/shop/a.env:1", secret=True, fingerprint="f"
                ),
                VariableSource(name="URL", source="the release's document"),
            ),
        ),
        (
            "/etc/shop/a.env",
            "variable      from      fingerprint",
            "KEY (secret)  a.env:1   f",
            "URL           document  -",
        ),
    ),
    "an identity that is new": (
        env.env_identity,
        EnvIdentity(state="made", identity="/id", recipients=("age1x",)),
        (
            "/id: made",
            "age1x",
            "keep a copy elsewhere: what is encrypted to it alone is lost with it",
        ),
    ),
    "an identity": (
        env.env_identity,
        EnvIdentity(state="as before", identity="/id", recipients=("age1x",)),
        ("/id: as before", "age1x"),
    ),
    "encrypted": (
        env.env_encrypt,
        EnvEncrypted(
            env_file="a.age", removed="a", recipients=("age1x",), deployments=(1, 2), left=(3,)
        ),
        (
            "a.age: encrypted",
            "a: removed",
            "values of deployments 1, 2: encrypted",
            "values of deployment 3: left as they are, no key here opens them",
            "for:",
            "  age1x",
        ),
    ),
    "encrypted, and nothing was there before": (
        env.env_encrypt,
        EnvEncrypted(env_file="a.age", removed="", recipients=(), deployments=(), left=()),
        ("a.age: encrypted", "values of deployments (none is kept): encrypted", "for:"),
    ),
    "edited": (
        env.env_edit,
        EDITED,
        ("a.env: changed, and right", "next: inv deploy --image=… brings the new values"),
    ),
    "edited in part": (
        env.env_edit,
        replace(EDITED, template="api"),
        ("a.env: changed, and right",),
    ),
    "no history": (
        history.history,
        History(state_folder="/state", operations=()),
        ("nothing was done here yet (state folder: /state)",),
    ),
    "a history": (
        history.history,
        History(
            state_folder="/state",
            operations=(
                RECORD,
                replace(RECORD, id=2, release="", outcome="", reason="", error="no", subject="x"),
                replace(RECORD, id=3, outcome="failed", error="no"),
            ),
        ),
        (
            "#  began (UTC)          kind    of            outcome     by   why / error",
            f"1  2026-01-01 10:00:00  deploy  {SHORT}  deployed    ann  a fix",
            "2  2026-01-01 10:00:00  deploy  x             incomplete  ann  no",
            f"3  2026-01-01 10:00:00  deploy  {SHORT}  failed      ann  a fix; no",
        ),
    ),
    "adopted": (
        history.adopted,
        ADOPTION,
        (
            "adopted: the file is gone",
            "the old file is kept as /state/history.broken",
            f"release of record: {DIGEST}, proven to be what runs",
            "values: shop.env",
        ),
    ),
    "adopted alone": (
        history.adopted,
        replace(ADOPTION, why="", release="", set_aside=""),
        (
            "adopted: the history here",
            "what runs was not taken over; next: inv status; inv deploy --image=sha256:…",
        ),
    ),
    "nothing to adopt": (
        history.adopted,
        replace(ADOPTION, state="as known", changed=False),
        ("nothing to adopt: the history here is the one that the engine knows of",),
    ),
    "a machine": (
        host.host,
        HostCheck(
            state="not ready",
            ready=False,
            rows=(Row("engine", True, "27.1"), Row("disk", False, "1 GB", "free some")),
        ),
        (
            "what             found  to fix it",
            "engine  ok       27.1",
            "disk    missing  1 GB   free some",
            "not ready",
        ),
    ),
    "a machine that was set up": (host.setup, HostSetup(done=("docker",)), ("ready",)),
    "a machine that was ready": (
        host.setup,
        HostSetup(done=()),
        ("ready: nothing was missing",),
    ),
    "images that are right": (
        image.image_check,
        ImageCheck(state="ok", images={"b": "r/b", "a": "r/a"}),
        ("image  ok", "a      r/a", "b      r/b"),
    ),
    "images that are wrong": (
        image.image_check,
        ImageCheck(state="findings", findings=(FINDING,), images={"a": "r/a"}),
        (FINDING.text, "1 finding"),
    ),
    "a lock that is free": (
        lock.lock_status,
        LockStatus(state="free", project="shop", holder=None, under_way=None),
        ("shop: free",),
    ),
    "a lock that is held": (
        lock.lock_status,
        LockStatus(
            state="held",
            project="shop",
            holder=HOLDER,
            under_way=CurrentStep(operation=4, step="start wave 1"),
        ),
        (
            "shop: held",
            "             held",
            "what         deploy",
            "reason       a fix",
            "user         ann",
            "host         h",
            "pid          7",
            "since (UTC)  2026-01-01 10:00:00",
            "operation 4 is at: start wave 1",
        ),
    ),
    "a lock that nobody held": (
        lock.lock_broken,
        LockBroken(project="shop", changed=False),
        ("the lock is free",),
    ),
    "a lock that was taken": (
        lock.lock_broken,
        LockBroken(project="shop", changed=True, holder=HOLDER, cut_off=4),
        ("taken from deploy, by ann on h", "next: inv status; then inv resume, or inv abort"),
    ),
    "a lock that was taken from one who did nothing": (
        lock.lock_broken,
        LockBroken(project="shop", changed=True, holder=HOLDER),
        ("taken from deploy, by ann on h",),
    ),
    "log lines": (
        logs.logs,
        Logs(logs={"api": ("one", "two"), "db": ("three",)}),
        ("api  one", "api  two", "db  three"),
    ),
    "what prune would remove": (
        prune.pruned,
        PLANNED,
        (
            "stays         because",
            f"{SHORT}  it runs",
            "would go:",
            f"  release {SHORT}",
            "  image shop/api:1",
            f"  image {SHORT}, built here, which has no name any more",
            "  stopped container old",
            "  values and files of deployment 1",
            "the engine kept busy",
            "inv rollback has no target",
            "frees at most 1.5 MB; nothing was removed (--apply)",
        ),
    ),
    "quickstart": (
        quickstart.quickstart,
        Quickstart(
            state="healthy",
            release=DIGEST,
            changed=True,
            env_file="a.env",
            answers=(ANSWER, replace(ANSWER, answer=7, right=True)),
            try_=("inv status",),
        ),
        (
            f"healthy: {DIGEST}",
            "asked    answer                                   the sample says  right",
            "balance  7777777777777777777777… (40 characters)  7                no",
            "balance  7                                        7                yes",
            "values: a.env",
            "try:",
            "  inv status",
        ),
    ),
    "a release": (
        release.release_show,
        DETAIL,
        (
            f"release {DIGEST}",
            "image  reference  platform",
            "api    r/api@x    linux/amd64",
            "git: abc",
            "kept by: it runs",
            f"{WHEN} deploy: deployed",
            f"{WHEN} deploy: incomplete",
        ),
    ),
    "a release that is elsewhere": (
        release.release_show,
        replace(DETAIL, stored=False, kept_by=(), operations=(), labels={}, images={}),
        (
            f"release {DIGEST}",
            "image  reference  platform",
            "not stored here; the registry has it: inv pull",
            "kept by: nothing",
        ),
    ),
    "releases": (
        release.release_list,
        ReleaseList(
            releases=(
                ReleaseRow(release=DIGEST, last="", outcome="", pinned="", kept_by=()),
                ReleaseRow(
                    release=DIGEST,
                    last=WHEN,
                    outcome="deployed",
                    pinned="a demo",
                    kept_by=("it runs", "its pin"),
                ),
            )
        ),
        (
            "release       last used (UTC)      outcome           pinned  kept by",
            f"{SHORT}  -                    not deployed yet  -       "
            "nothing: inv prune removes it",
            f"{SHORT}  2026-01-01 10:00:00  deployed          a demo  it runs, its pin",
        ),
    ),
    "pinned": (
        release.pin,
        Pin(state="pinned", release=DIGEST, reason="a demo", changed=False),
        (f"pinned: {DIGEST} (a demo), as before",),
    ),
    "unpinned": (
        release.pin,
        Pin(state="not pinned", release=DIGEST, reason="", changed=True),
        (f"not pinned: {DIGEST}",),
    ),
    "runbooks": (
        runbook.runbook_check,
        RunbookCheck(state="ok", runbooks={"deploy": 1, "rollback": 2}),
        ("deploy: ok, 1 step", "rollback: ok, 2 steps"),
    ),
    "a runbook that was run": (
        runbook.runbook_run,
        RunbookRun(runbook="deploy", section="all", steps=("a",), report="r.md", transcript="t"),
        ("passed: deploy, all: 1 step", "report: r.md"),
    ),
    "a transcript": (
        runbook.runbook_verify,
        RunbookProof(
            state="whole",
            transcript="t",
            runbook="deploy",
            section="all",
            entries=3,
            head="f",
            outcome="passed",
        ),
        ("whole: deploy, all: 3 entries, passed", "last hash: f"),
    ),
    "probes": (
        smoke.smoke,
        Smoke(
            state="unhealthy",
            findings=(replace(FINDING, subjects=("pair",)),),
            next="inv status",
            release=DIGEST,
            probes={"pair": ProbeResult(ready=False, reason="r", details=("a: 1", "b: 2"))},
        ),
        (FINDING.text, "  a: 1", "  b: 2", "next:  inv status", f"unhealthy: {DIGEST}"),
    ),
    "what runs": (
        status.status,
        STATUS,
        (
            "shop: healthy",
            f"release of record: {DIGEST} (since {WHEN})",
            "service     state    health   as released  image         created by    ports",
            f"shop-api-1  running  healthy  yes          {SHORT}  {SHORT}  127.0.0.1:80",
            "pair: they agree",
        ),
    ),
    "what runs, and should not": (
        status.status,
        replace(
            STATUS,
            state="no release",
            release="",
            since="",
            services=(),
            probes={},
            differences=("api is not there",),
            history="it ends before",
            under_way=INCOMPLETE,
        ),
        (
            "shop: no release",
            "release of record: none (state folder: /state)",
            "difference: api is not there",
            "the history here is not the engine's: it ends before",
            "next: inv history.adopt --reason=…, or the state folder that it belongs to",
            "operation 1 was interrupted",
            "next: inv resume, or inv abort",
        ),
    ),
    "what is under way": (
        status.status,
        replace(
            STATUS,
            services=(),
            probes={},
            under_way=replace(INCOMPLETE, alive=True, holder="deploy by ann"),
        ),
        (
            "shop: healthy",
            f"release of record: {DIGEST} (since {WHEN})",
            "under way: deploy by ann",
        ),
    ),
    "ready": (wait.wait, Wait(release=DIGEST), (f"healthy: {DIGEST}",)),
}


@pytest.mark.parametrize(("show", "result", "lines"), SHOWN.values(), ids=SHOWN)
def test_what_people_see(
    capsys: pytest.CaptureFixture[str],
    show: Callable[[Reporter, Any], None],
    result: object,
    lines: tuple[str, ...],
) -> None:
    show(Reporter(), result)
    out, err = capsys.readouterr()
    assert ([line.rstrip() for line in out.splitlines()], err) == ([*lines], "")


@pytest.mark.parametrize(("show", "result", "lines"), SHOWN.values(), ids=SHOWN)
def test_beside_json_it_goes_to_stderr(
    capsys: pytest.CaptureFixture[str],
    show: Callable[[Reporter, Any], None],
    result: object,
    lines: tuple[str, ...],
) -> None:
    show(Reporter(True), result)
    out, err = capsys.readouterr()
    assert (out, [line.rstrip() for line in err.splitlines()]) == ("", [*lines])
