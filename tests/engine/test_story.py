"""Deploy, fail, roll back: on a real engine, as a user types it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import stacks
from tests.engine.helpers import Release, actions, ask, containers, front_port
from tests.stacks import SECRET, Inv

pytestmark = pytest.mark.engine


def test_first_deploy_upgrade_rollback_without_a_registry(inv: Inv, release: Release) -> None:
    first, second = release(), release(pair="v2")
    assert first != second
    assert release() == first  # the same content has the same name

    done = inv("deploy", f"--image={first}", "--json")
    assert done.code == 0, done
    assert actions(done.json) == {"a": "create", "b": "create", "front": "create"}
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", first)
    assert all(row["image"]["matches"] for row in status["services"])
    assert status["probes"]["pair"]["facts"] == {"epoch": 7}
    assert ask(inv) == 8
    before = containers(inv)

    again = inv("deploy", f"--image={first}", "--json")
    assert (again.code, again.json["changed"]) == (0, False)
    assert containers(inv) == before

    done = inv("deploy", f"--image={second}", "--json")
    assert done.code == 0, done
    after = containers(inv)
    # The front is unchanged; but it asks the pair, and could remember what that said.
    assert not set(after.values()) & set(before.values())
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", second)
    assert {row["service"]: row["created_by"] for row in status["services"]} == {
        "a": second,
        "b": second,
        "front": second,
    }

    # Nobody listens at this address: the registry might as well be gone.
    off = {"MORPHOPS_REGISTRY": "127.0.0.1:1"}
    back = inv("rollback", "--reason=test", "--json", env=off)
    assert back.code == 0, back
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", first)
    assert all(row["image"]["matches"] for row in status["services"])
    assert ask(inv) == 8

    nothing = inv("rollback", "--reason=test", "--json", env=off)
    assert nothing.code == 3
    assert "no earlier release" in nothing.json["error"]["what"]
    kinds = [(r["kind"], r["outcome"]) for r in inv("history", "--json").json["operations"]]
    assert kinds == [("deploy", "deployed")] * 3 + [("rollback", "deployed")]


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ("sick", ["not healthy", "returned error: 503", "starting in mode sick"]),
        ("crash", ["ends and is started again", "no such table: accounts"]),
    ],
)
def test_a_bad_release_is_undone(inv: Inv, release: Release, pair: str, says: list[str]) -> None:
    good, bad = release(), release(pair=pair)
    assert inv("deploy", f"--image={good}").code == 0
    failed = inv("deploy", f"--image={bad}", "--reason=a new pair")
    assert failed.code == 4, failed
    for text in says:
        assert text in failed.err, f"{failed}"  # whole, where pytest would shorten it
    assert f"release {good.removeprefix('sha256:')[:12]} runs again" in failed.err
    assert SECRET not in failed.err + failed.out
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", good)
    assert ask(inv) == 8
    # A failed release is no place to go back to.
    assert inv("rollback", "--reason=test").code == 3
    (folder,) = (inv.state / "failures").iterdir()
    assert f"evidence: {folder}" in failed.err
    assert_tells(folder, bad, pair)


def assert_tells(folder: Path, bad: str, mode: str) -> None:
    """The evidence of a failure tells what failed and how, and no secret."""
    names = {path.name for path in folder.iterdir()}
    told = {"error.txt", "plan.json", "history.json", "containers.json", "a.log", "b.log"}
    assert told <= names
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())
    assert json.loads((folder / "plan.json").read_text())["release"] == bad
    # The one that failed first need not be `a`; on a busy machine the other has said nothing yet.
    logs = [(folder / f"{name}.log").read_text() for name in ("a", "b")]
    assert f"starting in mode {mode}" in "".join(logs)
    assert "a new pair" in (folder / "history.json").read_text()
    inspected = json.loads((folder / "containers.json").read_text())
    assert {"TOKEN", "EPOCH"} <= set(inspected[0]["Config"]["Env"])
    assert SECRET not in "".join(path.read_text() for path in folder.iterdir())
    # What failed is gone by now; its last words are not.
    health = [container["State"].get("Health") for container in inspected]
    assert mode != "sick" or "503" in json.dumps(health)


def test_what_failed_can_be_left_for_a_post_mortem(inv: Inv, release: Release) -> None:
    good, bad = release(), release(pair="sick")
    assert inv("deploy", f"--image={good}").code == 0
    failed = inv("deploy", f"--image={bad}", "--no-rollback", "--json")
    assert failed.code == 5, failed
    error = failed.json["error"]
    assert error["state"].startswith("nothing was undone: a of ")
    assert "inv up" in error["next"]
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("unhealthy", good)
    # What is unhealthy, and would be left alone, is known before anything is touched.
    again = inv("deploy", f"--image={bad}")
    assert again.code == 3, again
    assert "a is unhealthy: " in again.err
    assert "inv restart " in again.err
    # Away from what failed means to what ran by right, and not to what ran before that.
    back = inv("rollback", "--reason=seen enough", "--json")
    assert (back.code, back.json["release"]) == (0, good), back
    assert f"release {bad[7:19]} failed and may run" in back.err
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", good)


def test_interrupted_it_is_whole_again(inv: Inv, release: Release) -> None:
    good, bad = release(), release(pair="slow")
    assert inv("deploy", f"--image={good}").code == 0
    process = inv.start("deploy", f"--image={bad}")
    for line in process.stderr:
        if "waiting:" in line:
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate(timeout=600)
    assert process.returncode == 128 + signal.SIGINT, rest
    assert "runs again" in rest
    status = inv("status", "--json").json
    assert (status["state"], status["release"]) == ("healthy", good)


def test_a_terminal_that_is_gone_leaves_it_whole(inv: Inv, release: Release) -> None:
    """As when an ssh session drops: there is nobody to tell, so the history has to say it."""
    good, bad = release(), release(pair="slow")
    assert inv("deploy", f"--image={good}").code == 0
    process, terminal = pty.fork()
    if not process:
        os.chdir(inv.folder)
        words = [sys.executable, "-m", "invoke", "deploy", f"--image={bad}"]
        os.execve(sys.executable, words, inv.environ)
    said = b""
    while b"waiting:" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    last = inv("history", "--json").json["operations"][-1]
    assert (last["outcome"], last["error"]) == ("rolled back", "interrupted by SIGHUP")
    view = inv("status", "--json").json
    assert (view["state"], view["release"]) == ("healthy", good)
    assert ask(inv) == 8


def test_going_back_can_fail_too(inv: Inv, release: Release) -> None:
    good, bad = release(), release(pair="sick")
    assert inv("deploy", f"--image={good}").code == 0
    process = inv.start("deploy", f"--image={bad}", "--json")
    for line in process.stderr:
        if "start wave 1" in line:  # by now the way back is known; what it needs is lost
            shutil.rmtree(inv.state / "deployments" / "000001" / "files")
            break
    out, err = process.communicate(timeout=600)
    assert process.returncode == 5, err
    error = json.loads(out)["error"]
    assert error["what"].startswith(f"release {bad.removeprefix('sha256:')[:12]} failed: not heal")
    assert any(
        line.startswith("the rollback failed too: could not start a") for line in error["detail"]
    )
    number = bad.removeprefix("sha256:")[:12]
    running = {row["service"]: row for row in inv("status", "--json").json["services"]}
    assert {running[name]["created_by"] for name in ("a", "b")} == {bad}
    for name in ("a", "b"):
        assert f"{name} of {number} is running, " in error["state"]
    assert "call a person" in error["next"]
    folders = [Path(line.removeprefix("evidence: ")) for line in error["detail"][-2:]]
    logs = [(folders[0] / f"{name}.log").read_text() for name in ("a", "b")]
    assert "starting in mode sick" in "".join(logs)
    assert "could not start a" in (folders[1] / "error.txt").read_text()
    assert SECRET not in out + err + "".join(p.read_text() for p in folders[1].iterdir())
    last = inv("history", "--json").json["operations"][-1]
    assert (last["outcome"], last["ended"] > "") == ("failed", True)
    # A person helps.
    assert inv("deploy", f"--image={good}").code == 0
    assert ask(inv) == 8


def test_hooks_are_told_and_may_stop_a_deploy(inv: Inv, release: Release) -> None:
    path, told = inv.folder / "ops" / "bundle.yaml", inv.folder / "told"
    hook = inv.folder / "ops" / "hook"
    hook.write_text(
        f"#!/bin/sh\necho $MORPHOPS_MOMENT $MORPHOPS_OUTCOME. $MORPHOPS_REASON >> {told}\n"
        # A task that looks needs no lock; one that changes is refused, and nobody waits for ever.
        'if test "$MORPHOPS_MOMENT $MORPHOPS_REASON" = "before-deploy yes"; then\n'
        f"{sys.executable} -m invoke history >/dev/null || exit 9\n"
        f"{sys.executable} -m invoke down >/dev/null 2>&1 && exit 8\n"
        "fi\n"
        f'echo "token {SECRET}" >&2\n'
        'test "$MORPHOPS_REASON" != no\n'
    )
    hook.chmod(0o755)
    moments = ("before-deploy", "after-deploy", "after-rollback", "on-failure")
    hooks = {moment: {"run": "hook", "timeout": 30} for moment in moments}
    path.write_text(path.read_text() + yaml.safe_dump({"hooks": hooks}))
    good, bad = release(), release(front="wrong")
    stopped = inv("deploy", f"--image={good}", "--reason=no")
    assert stopped.code == 3, stopped
    assert "the hook before-deploy ended with 1, so nothing was deployed" in stopped.err
    assert SECRET not in stopped.err
    assert containers(inv) == {}
    assert inv("deploy", f"--image={good}", "--reason=yes").code == 0
    assert inv("deploy", f"--image={bad}", "--reason=bad").code == 4
    assert told.read_text().splitlines() == [
        "before-deploy . no",
        "before-deploy . yes",
        "after-deploy deployed. yes",
        "before-deploy . bad",
        "on-failure rolled back. bad",
    ]
    # What a hook says afterwards changes nothing any more; one that hangs is ended.
    hook.write_text("#!/bin/sh\nsleep 60\n")
    hooks = {moment: {"run": "hook", "timeout": 0.5} for moment in ("after-deploy",)}
    bundle = yaml.safe_load(path.read_text()) | {"hooks": hooks}
    path.write_text(yaml.safe_dump(bundle))
    late = inv("deploy", f"--image={good}")
    assert late.code == 0, late
    assert "the hook after-deploy took too long" in late.err


def test_drift_is_found_and_named(inv: Inv, release: Release) -> None:
    assert inv("drift").code == 3  # nothing was ever deployed
    good = release()
    assert inv("deploy", f"--image={good}").code == 0
    same = inv("drift", "--json")
    assert (same.code, same.json["differences"]) == (0, []), same
    verified = inv("verify", "--json").json
    assert (verified["state"], verified["release"]) == ("verified", good)
    names = {row["service"]: row for row in inv("status", "--json").json["services"]}
    project = inv("status", "--json").json["project"]
    assert set(names) == {"a", "b", "front"}

    def docker(*words: str) -> None:
        subprocess.run(["docker", *words], check=True, capture_output=True)

    docker("stop", "-t", "1", f"{project}-b-1")
    docker("rm", "-f", f"{project}-front-1")
    # Somebody starts the front by hand, from another image, as root, with a variable more.
    label = "--label=com.docker.compose"
    held = subprocess.run(
        ["docker", "image", "ls", "-q", f"{inv.registry}/morphops-test/pair"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    docker("run", "-d", f"--name={project}-front-1", f"{label}.project={project}",
           f"{label}.service=front", "--env=MORE=1", held, "sleep", "60")  # fmt: skip
    found = inv("drift", "--json")
    assert found.code == found.json["exit"] == 6, found
    kinds = {(row["kind"], row["subject"]) for row in found.json["differences"]}
    assert {("unhealthy", "b"), ("image", "front"), ("config", "front")} <= kinds
    assert ("env keys", "front") in kinds
    verified = inv("verify")
    assert verified.code == 6, verified
    assert "front: its command line is another one" in verified.out
    shown = inv("drift")
    assert shown.code == 6
    assert "has MORE as well" in shown.out
    assert SECRET not in shown.out + found.out
    docker("rm", "-f", f"{project}-front-1")
    assert ("missing", "front") in {
        (row["kind"], row["subject"]) for row in inv("drift", "--json").json["differences"]
    }
    assert inv("up", "--reason=drift").code == 0
    assert inv("drift").code == 0
    assert inv("down").code == 0
    assert inv("drift", "--json").json["state"] == "down"


def test_a_service_that_is_paused(inv: Inv, release: Release) -> None:
    """Nobody would touch it, and it could be started neither on the way nor on the way back."""
    good, new = release(), release(front="v2")
    assert inv("deploy", f"--image={good}").code == 0
    before = containers(inv)
    assert inv.killed(2, "deploy", f"--image={new}").code == -signal.SIGKILL
    stacks.pause(before["a"])

    def refused(*words: str) -> None:
        done = inv(*words)
        assert done.code == 3, done
        assert "a is paused, and this plan would not restart it" in done.err
        assert f"docker unpause {before['a']}" in done.err

    refused("resume")
    # What was cut off in front of it is ended all the same: nothing was touched.
    ended = inv("abort", "--json")
    assert (ended.code, ended.json["state"], ended.json["release"]) == (0, "as before", good), ended
    assert inv("history", "--json").json["operations"][-1]["outcome"] == "refused"
    refused("deploy", f"--image={new}")
    refused("up")
    assert containers(inv) == before


class TestRefused:
    """Bad input and a world that is not ready: one message, the right exit code, no change."""

    def refused(self, result: stacks.Result, code: int, *says: str) -> None:
        assert result.code == code, result
        for text in says:
            assert text in result.err, result
        assert "Traceback" not in result.err
        assert SECRET not in result.err + result.out

    def test_digests(self, inv: Inv, release: Release, images: dict[str, str]) -> None:
        good = release()
        self.refused(inv("deploy"), 2, "which release?", good)
        self.refused(inv("deploy", "--image=v1.2"), 2, "a tag can move")
        self.refused(inv("deploy", "--image=sha256:abc"), 2, "malformed", "64 lowercase hex")
        self.refused(inv("deploy", f"--image=sha256:{'0' * 64}"), 3, "does not exist")
        unknown = inv("deploy", f"--image={good}", f"--image=web={images['pair-ok']}")
        self.refused(unknown, 2, "no image 'web'")
        assert containers(inv) == {}

    def test_registry_off(self, inv: Inv, release: Release) -> None:
        release()
        off = {"MORPHOPS_REGISTRY": "127.0.0.1:1"}
        failed = inv("deploy", f"--image=sha256:{'1' * 64}", env=off)
        self.refused(failed, 3, "out of reach", "next:  inv registry.up")

    def test_env_file(self, inv: Inv, release: Release) -> None:
        good, env = release(), inv.state / "test.env"
        text = env.read_text()
        stacks.write_env(env, FRONT_PRT="1", DATA_DIR="<where>")
        self.refused(inv("deploy", f"--image={good}"), 2, "did you mean FRONT_PORT?", "placeholder")
        env.write_text(text + "PAIR_IMAGE=x@sha256:" + "0" * 64 + "\n")
        self.refused(inv("deploy", f"--image={good}"), 2, "PAIR_IMAGE comes from the release")
        env.write_text(text)
        exported = inv("deploy", f"--image={good}", env={"FRONT_PORT": "1"})
        self.refused(exported, 2, "FRONT_PORT is exported")
        env.chmod(0o644)
        self.refused(inv("deploy", f"--image={good}"), 2, "chmod 600")
        env.unlink()
        self.refused(inv("deploy", f"--image={good}"), 2, "no such env file")
        assert containers(inv) == {}

    def test_data(self, inv: Inv, release: Release, tmp_path: Path) -> None:
        good, blob = release(), tmp_path / "data" / "data.bin"
        whole = blob.read_bytes()
        blob.write_bytes(whole[:-1])
        self.refused(inv("deploy", f"--image={good}"), 3, "2099 bytes, its manifest says 2100")
        blob.write_bytes(whole[:-1] + b"x")
        self.refused(inv("deploy", f"--image={good}"), 3, "is not what its manifest says")
        (tmp_path / "data" / "manifest.json").unlink()
        self.refused(inv("deploy", f"--image={good}"), 2, "there is no", "manifest.json")
        assert containers(inv) == {}

    def test_port_taken(self, inv: Inv, release: Release) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            env = inv.state / "test.env"
            stacks.write_env(env, DATA_DIR=str(inv.folder / "data"), FRONT_PORT=str(port))
            taken = inv("deploy", f"--image={release()}")
            self.refused(taken, 3, f"port 127.0.0.1:{port} is taken")
        assert containers(inv) == {}

    def test_a_port_is_one_of_its_protocol(self, inv: Inv, release: Release) -> None:
        compose, port = inv.folder / "ops" / "compose" / "compose.yaml", int(front_port(inv))
        compose.write_text(compose.read_text().replace(':8000"]', ':8000/udp"]'))
        plan = ("deploy", f"--image={release()}", "--plan")
        with socket.create_server(("127.0.0.1", port)):
            assert inv(*plan).code == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", port))
            self.refused(inv(*plan), 3, f"port 127.0.0.1:{port}/udp is taken")

    def test_the_port_of_a_container_that_was_stopped_is_taken(
        self, inv: Inv, release: Release
    ) -> None:
        assert inv("deploy", f"--image={release()}").code == 0
        before, port = containers(inv), int(front_port(inv))
        subprocess.run(["docker", "stop", before["front"]], check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", port)):
            for words in (("deploy", f"--image={release(pair='v2')}"), ("up",)):
                self.refused(inv(*words), 3, f"port 127.0.0.1:{port} is taken", "nothing was chan")
        assert containers(inv) == before

    def test_a_stack_that_plain_compose_started(self, inv: Inv, release: Release) -> None:
        good = release()
        project = inv("status", "--json").json["project"]
        image = f"{inv.registry}/morphops-test/pair@"
        view = inv("pull", f"--image={good}", "--json").json
        compose = inv.folder / "plain.yaml"
        ref = view["images"]["pair"]["ref"]
        assert ref.startswith(image)
        compose.write_text(
            f"services: {{a: {{image: '{ref}', command: [sleep, '60'], init: true}}}}"
        )
        subprocess.run(
            ["docker", "compose", "-p", project, "-f", str(compose), "up", "-d"],
            check=True,
            capture_output=True,
        )
        refused = inv("deploy", f"--image={good}")
        self.refused(refused, 3, "containers that no release created: a", "nothing was changed")
        self.refused(inv("down"), 3, "containers that no release created")
        assert list(containers(inv)) == ["a"]

    def test_bundle_and_compose(self, inv: Inv, release: Release) -> None:
        good = release()
        bundle = inv.folder / "ops" / "bundle.yaml"
        text = bundle.read_text()
        bundle.write_text(text + "wafes: []\n")
        self.refused(inv("deploy", f"--image={good}"), 2, ": wafes: unknown key")
        bundle.write_text(text)
        compose = inv.folder / "ops" / "compose" / "compose.yaml"
        compose.write_text(compose.read_text().replace("init: true", "innit: true", 1))
        bad = release()
        assert bad != good
        self.refused(inv("deploy", f"--image={bad}"), 2, "could not render", "innit")
        assert inv("deploy", f"--image={good}").code == 0  # the release's files, not the tree's

    def test_no_engine(self, inv: Inv, release: Release) -> None:
        good = release()
        off = inv("deploy", f"--image={good}", env={"DOCKER_HOST": "unix:///nowhere.sock"})
        self.refused(off, 3, "no Docker engine answers", "inv host.check")

    def test_no_compose(self, inv: Inv, release: Release, tmp_path: Path) -> None:
        good = release()
        real, fake = shutil.which("docker"), tmp_path / "bin" / "docker"
        fake.parent.mkdir()
        says = "docker: 'compose' is not a docker command."
        fake.write_text(
            f"""#!/bin/sh
case " $* " in *" compose "*) echo "{says}" >&2; exit 125;; esac
exec {real} "$@"
"""
        )
        fake.chmod(0o755)
        path = f"{fake.parent}:{os.environ['PATH']}"
        off = inv("deploy", f"--image={good}", env={"PATH": path})
        self.refused(off, 3, "no Compose plugin", "inv host.setup")

    def test_no_docker(self, inv: Inv, release: Release, tmp_path: Path) -> None:
        good = release()
        self.refused(
            inv("deploy", f"--image={good}", env={"PATH": str(tmp_path)}), 3, "no `docker`"
        )
