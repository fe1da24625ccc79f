"""The stack of this repository on a real engine: built, released, asked, broken, rolled back.

The tests run in this order and stand on each other, as a day of an operator does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from morphops.core.release.digest import short
from tests.e2e.helpers import PROJECT, rpc
from tests.stacks import Inv, Result

pytestmark = [pytest.mark.engine, pytest.mark.long]

FAULTS = Path(__file__).parent / "faults"


def status(inv: Inv) -> dict[str, Any]:
    view: dict[str, Any] = inv("status", "--json").json
    return view


def assert_runs(inv: Inv, release: str) -> None:
    """The release of record, every container's image, health, and the pair's epoch."""
    view = status(inv)
    assert view["release"] == release
    assert view["state"] == "healthy", view
    assert {row["service"]: row["health"] for row in view["services"]} == dict.fromkeys(
        ("code-data", "rpc-adapter", "server-a", "server-b"), "healthy"
    )
    assert all(row["image"]["matches"] for row in view["services"]), view
    assert view["probes"]["pair"]["facts"]["epoch"] == 0


def genesis(inv: Inv) -> dict[str, Any]:
    text = (inv.folder / "ops" / "samples" / "genesis.json").read_text()
    alloc: dict[str, Any] = json.loads(text)["alloc"]
    return alloc


def assert_answers(inv: Inv, port: int) -> None:
    """Balance, nonce and code of accounts that no probe of ours chose, against the genesis file."""
    alloc = genesis(inv)
    for address in [*list(alloc)[:6], *(a for a in alloc if "code" in alloc[a])][:12]:
        account = alloc[address]
        balance = rpc(port, "eth_getBalance", address, "latest")["result"]
        assert int(balance, 16) == int(account.get("balance", "0"), 0)
        nonce = rpc(port, "eth_getTransactionCount", address, "latest")["result"]
        assert int(nonce, 16) == int(account.get("nonce", "0"), 0)
        assert rpc(port, "eth_getCode", address, "latest")["result"] == account.get("code", "0x")


def test_quickstart_ends_with_the_three_answers_right(
    inv: Inv, first: dict[str, Any], port: int
) -> None:
    assert [answer["right"] for answer in first["answers"]] == [True, True, True]
    assert_runs(inv, first["release"])
    assert_answers(inv, port)
    assert Path(first["env_file"]).stat().st_mode & 0o777 == 0o600
    assert inv.state.stat().st_mode & 0o777 == 0o700


def test_quickstart_again_changes_nothing(inv: Inv, first: dict[str, Any]) -> None:
    before = _containers()
    again = inv("quickstart", "--json")
    assert again.code == 0, again
    assert (again.json["release"], again.json["changed"]) == (first["release"], False)
    assert _containers() == before


def test_a_new_build_is_released_deployed_and_rolled_back_without_a_registry(
    inv: Inv, first: dict[str, Any], port: int
) -> None:
    built = inv("build", "--version=2.0.0", "--json")
    assert built.code == 0, built
    made = inv("release.create", "--json")
    assert made.code == 0, made
    second = made.json["release"]
    assert second != first["release"]
    deployed = inv("deploy", f"--image={second}", "--reason=a new label", "--json")
    assert deployed.code == 0, deployed
    assert_runs(inv, second)
    assert _label("server-a", "org.opencontainers.image.version") == "2.0.0"

    assert inv("registry.down", "--json").json["state"] == "stopped"
    back = inv("rollback", "--reason=drill", "--json")
    assert back.code == 0, back
    assert_runs(inv, first["release"])
    assert_answers(inv, port)
    assert inv("registry.up", "--json").json["state"] == "started"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("never-healthy", ["not healthy", "migration 42 waits for a lock"]),
        ("query-error", ["known answers were missed", "balance of 0x", "got error -32000"]),
    ],
)
def test_a_bad_server_is_undone(
    inv: Inv, first: dict[str, Any], port: int, fault: str, says: list[str]
) -> None:
    bad = _faulty(inv, first["release"], fault)
    failed = inv("deploy", f"--image={bad}")
    assert failed.code == 4, failed
    for text in says:
        assert text in failed.err, failed
    assert f"release {short(first['release'])} runs again" in failed.err
    assert_runs(inv, first["release"])
    assert_answers(inv, port)


def test_a_broken_matrix_is_refused_before_anything_is_touched(
    inv: Inv, first: dict[str, Any], tmp_path: Path
) -> None:
    before = _containers()
    sample = inv.state / "snapshots" / "sample"
    other = tmp_path / "snapshot"
    shutil.copytree(sample, other)
    matrix = other / "matrix.bin"
    whole = matrix.read_bytes()
    env = inv.state / "production.env"
    mine = tmp_path / "mine.env"
    mine.write_text(env.read_text().replace(_line(env, "MORPHOGEN_SERVER_B_SNAPSHOT_DIR"), ""))
    mine.write_text(f"{mine.read_text()}\nMORPHOGEN_SERVER_B_SNAPSHOT_DIR={other}\n")
    mine.chmod(0o600)

    def refused(*says: str) -> None:
        done: Result = inv("deploy", f"--image={first['release']}", f"--env-file={mine}")
        assert done.code == 3, done
        for text in says:
            assert text in done.err, done
        assert "no container was touched" in done.err

    matrix.write_bytes(whole[:-32])
    refused("probe matrix-b did not pass", "truncated")
    matrix.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    refused("is not what its manifest says")
    manifest = json.loads((other / "manifest.json").read_text())
    manifest["matrix"]["sha256"] = "0" * 64
    (other / "manifest.json").write_text(json.dumps(manifest))
    refused("snapshot-a and snapshot-b are not the same", "matrix:")
    assert _containers() == before


def test_an_unhealthy_code_data_keeps_the_adapter_from_starting(
    inv: Inv, first: dict[str, Any], tmp_path: Path
) -> None:
    """With the override only; plain Compose, since it is the manifests that promise this."""
    project = f"{PROJECT}-gate"
    deployment = max((inv.state / "deployments").iterdir())
    compose = deployment / "files" / "compose"
    (tmp_path / "empty").mkdir()
    quick = {
        "services": {
            "code-data": {
                "healthcheck": {"interval": "1s", "retries": 1, "start_period": "0s"},
                "volumes": [f"{tmp_path / 'empty'}:/usr/share/nginx/html:ro"],
            },
            "rpc-adapter": {"ports": []},
        }
    }
    text = json.dumps(quick).replace('"ports": []', '"ports": !reset []')
    (tmp_path / "quick.yaml").write_text(text)
    command = ["docker", "compose", "-p", project, "--env-file", str(deployment / "values.env")]
    for file in ("compose.yaml", "compose.local-code-data.yaml"):
        command += ["-f", str(compose / file)]
    command += ["-f", str(tmp_path / "quick.yaml"), "--profile", "local-code-data"]
    try:
        done = subprocess.run(
            [*command, "up", "-d"], capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode != 0
        assert "code-data" in done.stderr
        assert "is unhealthy" in done.stderr
        states = subprocess.run(
            [*command, "ps", "-a", "--format", "{{.Service}} {{.State}}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\n")
        assert "rpc-adapter created" in states
        assert "server-a running" in states
    finally:
        subprocess.run([*command, "down", "-t", "1"], check=False, capture_output=True)


def test_a_new_operator_is_led_through_the_day(inv: Inv, first: dict[str, Any], port: int) -> None:
    """Deploy, a deploy that fails, back, maintenance: by runbooks, with no other command typed."""

    def run(*words: str) -> Result:
        return inv("runbook.run", *words, "--yes", "--json")

    built = next(
        record["release"]
        for record in inv("history", "--json").json["operations"]
        if record["release"] != first["release"] and record["outcome"] == "deployed"
    )
    bad = _faulty(inv, first["release"], "wrong-rows")
    deployed = run("deploy", f"--release={built}", "--reason=the new build")
    assert deployed.code == 0, deployed
    assert deployed.json["steps"] == ["host", "env", "pull", "plan", "deploy", "smoke"]
    report = Path(deployed.json["report"]).read_text()
    assert f"inv deploy --image={built} '--reason=the new build' --json" in report
    assert_runs(inv, built)

    failed = inv("runbook.run", "deploy", f"--release={bad}", "--reason=a better server", "--yes")
    assert failed.code == 4, failed
    # The last words have the cause, the evidence and the state, and do not say: once more.
    words = failed.err[failed.err.rindex("step deploy failed: release ") :]
    assert "known answers were missed" in words
    assert "evidence: " in words
    assert f"state: release {short(built)} runs again" in words
    assert "; the run is stopped; its report: " in words
    again = "next:  inv status; inv history; fix the cause, then begin again: inv runbook.run"
    assert again in words
    (*_, folder) = sorted((inv.state / "runbooks").glob("*-deploy-deploy-a-release"))
    entries = [json.loads(line) for line in (folder / "transcript.jsonl").read_text().splitlines()]
    results = [(e["step"], e["passed"]) for e in entries if e["entry"] == "result"]
    # The step that `on-fail` names was done, and passed.
    assert results[-2:] == [("deploy", False), ("diagnose", True)]
    assert entries[-1]["release"] == built
    assert_runs(inv, built)
    back = run("rollback", "--reason=it was slower")
    assert back.code == 0, back
    assert_runs(inv, first["release"])
    assert_answers(inv, port)
    look = run("maintenance", "--section=is-all-well")
    assert look.code == 0, look
    room = run("maintenance", "--section=make-room", "--reason=monthly")
    assert room.code == 0, room
    assert_runs(inv, first["release"])

    report = Path(back.json["report"]).read_text()
    assert f"| release before | {built} |" in report
    assert f"| release after | {first['release']} |" in report
    assert "| outcome | passed |" in report
    report = (folder / "report.md").read_text()
    assert "| outcome | stopped: step deploy failed: release " in report
    assert "known answers were missed" in report
    assert f"state: release {short(built)} runs again" in report
    carried = inv("release.show", f"--digest={built}", "--json").json["files"]
    assert "runbooks/deploy.md" in carried


def test_the_history_tells_the_day(inv: Inv, first: dict[str, Any]) -> None:
    records = inv("history", "--limit=100", "--json").json["operations"]
    outcomes = [(record["kind"], record["outcome"]) for record in records]
    assert outcomes == [
        ("deploy", "deployed"),
        ("deploy", "deployed"),
        ("deploy", "deployed"),
        ("rollback", "deployed"),
        *[("deploy", "rolled back")] * 2,
        *[("deploy", "refused")] * 3,
        ("deploy", "deployed"),
        ("deploy", "rolled back"),
        ("rollback", "deployed"),
        ("prune", "pruned"),
    ]
    assert inv("down").code == 0
    assert status(inv)["state"] == "down"


def _faulty(inv: Inv, base: str, fault: str) -> str:
    """A release whose server has a fault."""
    server = inv("pull", f"--image={base}", "--json").json["images"]["server"]["ref"]
    tag = f"{inv.registry}/morphogen/server:{fault}"
    build = ["docker", "buildx", "build", "--provenance=false", "--push", "-t", tag]
    arguments = ["--build-arg", f"BASE={server}", "--build-arg", f"FAULT={fault}", str(FAULTS)]
    metadata = inv.folder / "metadata.json"
    subprocess.run(
        [*build, "--metadata-file", str(metadata), *arguments], check=True, capture_output=True
    )
    digest = json.loads(metadata.read_text())["containerimage.digest"]
    # A gate that waits minutes for a big matrix would make this test as long.
    bundle = inv.folder / "ops" / "bundle.yaml"
    text = bundle.read_text()
    changed = text.replace("deadline: 30", "deadline: 5")
    if fault == "never-healthy":  # the others have to become healthy first, however long it takes
        changed = changed.replace("deadline: 180", "deadline: 8")
    bundle.write_text(changed)
    try:
        made = inv("release.create", f"--image=server={digest}", "--json")
    finally:
        bundle.write_text(text)
    assert made.code == 0, made
    return str(made.json["release"])


def _containers() -> list[str]:
    listing = ["docker", "ps", "-q", "--no-trunc", "--filter"]
    found = subprocess.run(
        [*listing, f"label=com.docker.compose.project={PROJECT}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(found.stdout.split())


def _label(service: str, name: str) -> str:
    container = f"{PROJECT}-{service}-1"
    found = subprocess.run(
        ["docker", "inspect", "-f", f'{{{{index .Config.Labels "{name}"}}}}', container],
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.strip()


def _line(path: Path, name: str) -> str:
    return next(line for line in path.read_text().splitlines() if line.startswith(f"{name}="))
