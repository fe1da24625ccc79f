"""Literal images: resolved when a release is made, pinned by it, pulled by digest, never pushed."""

from __future__ import annotations

import pytest

from morphops.core.release.digest import short
from morphops.core.results.deploy import PlanResult
from morphops.core.results.release import of_created
from morphops.errors import InputError, NotFound, PreconditionError, RegistryError
from morphops.operations.deploy import deploy
from morphops.operations.destroy import destroy
from morphops.operations.prune.prune import prune
from morphops.operations.rollback import rollback
from morphops.report import plan
from morphops.report import release as report
from morphops.report.console import Reporter
from tests.operations.in_memory.stranger import NGINX, Stranger
from tests.operations.in_memory.world import WELL
from tests.results import valid


def images_of(stranger: Stranger) -> dict[str, str]:
    """Service → the image that the engine was told."""
    found = {}
    for container in stranger.world.engine.of_project("shop"):
        one = container.instance
        found[one.service] = one.image.digest
    return found


def test_a_tag_is_pinned_and_the_persons_files_stay(stranger: Stranger) -> None:
    text = (stranger.world.folder / "ops/compose.yaml").read_bytes()
    made = stranger.create()
    host, release = stranger.registry.host, made.release
    assert release.files["compose.yaml"] == text
    (web,) = (row for row in made.sources if row.image == "web")
    assert (web.source, web.previous, web.changed) == (f"{host}/nginx:1", "", False)
    assert str(release.image("web").ref) == f"{host}/nginx@{web.digest}"
    deploy(stranger.world.site(), [release.digest])
    assert images_of(stranger)["web"] == release.image("web").config
    # Only what is ours is written to.
    written = [s.path for s in stranger.registry.seen if s.method in ("PUT", "POST", "DELETE")]
    assert written
    assert all("/shop/releases/" in path for path in written)


def test_a_tag_that_moved_is_a_new_image_and_told(stranger: Stranger) -> None:
    first = stranger.deploy()
    before = images_of(stranger)
    digest = stranger.push("nginx:1", "of today")
    with pytest.raises(PreconditionError, match="--frozen was given") as refused:
        stranger.create(frozen=True)
    old = first.image("web").ref.digest
    assert refused.value.detail == (f"web: {old} then, {digest} now",)
    assert f"--image=web={old}" in refused.value.hint
    kept = stranger.create(f"web={old}", frozen=True)
    assert kept.release.image("web").ref.digest == old
    made = stranger.create()
    (web,) = (row for row in made.sources if row.image == "web")
    assert (web.previous, web.digest, web.changed) == (old, digest, True)
    assert [row.changed for row in made.sources if row.image == "db"] == [False]
    deploy(stranger.world.site(), [made.release.digest])
    assert images_of(stranger)["db"] == before["db"]
    assert images_of(stranger)["web"] != before["web"]
    rollback(stranger.world.site(), reason="back")
    assert images_of(stranger) == before
    assert stranger.create(frozen=True).release.digest == made.release.digest, "as it was made last"


def test_another_tag_is_asked_for_so_it_has_not_moved(stranger: Stranger) -> None:
    stranger.create()
    stranger.push("nginx:2", "two")
    stranger.change("bundle.yaml", "HOST/nginx:1", "HOST/nginx:2")
    stranger.create(frozen=True)


@pytest.mark.parametrize("form", ["{digest}", "{host}/nginx@{digest}", "{host}/nginx:2"])
def test_an_image_can_be_named(stranger: Stranger, form: str) -> None:
    digest = stranger.push("nginx:2", "two")
    named = form.format(digest=digest, host=stranger.registry.host)
    made = stranger.create(f"web={named}")
    assert made.release.image("web").ref.digest == digest
    assert made.release.image("db").ref.digest != digest


def test_one_image_of_a_release_is_replaced(stranger: Stranger) -> None:
    release = stranger.deploy()
    digest = stranger.push("nginx:2", "two")
    derived = deploy(stranger.world.site(), [release.digest, f"web={digest}"], plan_only=True)
    assert derived.release != release.digest
    made = stranger.create(f"web={digest}").release
    stranger.world.engine.publish(made.image("web"), WELL)
    done = deploy(stranger.world.site(), [release.digest, f"web={digest}"])
    assert done.release == derived.release
    assert images_of(stranger)["web"] == made.image("web").config


def test_what_no_registry_has_cannot_be_released(stranger: Stranger) -> None:
    stranger.change("bundle.yaml", "HOST/nginx:1", "HOST/mine:dev")
    with pytest.raises(NotFound, match="does not have it") as missing:
        stranger.create()
    assert "only an engine has cannot be released" in missing.value.hint
    stranger.change("bundle.yaml", "HOST/mine:dev", "127.0.0.1:1/x:1")
    with pytest.raises(RegistryError, match=r"image web: 127\.0\.0\.1:1/x:1 has no digest"):
        stranger.create()
    with pytest.raises(InputError, match="no image 'wbe'"):
        stranger.create("wbe=sha256:" + "0" * 64)


def test_prune_lets_go_what_it_held_and_nothing_of_others(stranger: Stranger) -> None:
    host, engine = stranger.registry.host, stranger.world.engine
    first = stranger.deploy()
    for content in ("2", "3"):
        stranger.push("nginx:1", content)
        stranger.deploy()
    engine.local[f"{host}/nginx:1"] = engine.local[str(first.image("web").ref)]
    tag = f"{host}/nginx:morphops-shop-{short(first.digest)}"
    assert tag in engine.held
    planned = prune(stranger.world.site(), keep=1, apply=False, build_cache=False)
    assert tag in planned.references
    assert f"{host}/nginx:1" not in planned.references, "a person pulled that"
    prune(stranger.world.site(), keep=1, apply=True, build_cache=False, reason="test")
    assert tag not in engine.held
    assert f"{host}/nginx:1" in engine.local


def test_destroy_lets_go_what_it_held_and_nothing_of_others(stranger: Stranger) -> None:
    host, engine = stranger.registry.host, stranger.world.engine
    first = stranger.deploy()
    engine.local[f"{host}/nginx:1"] = engine.local[str(first.image("web").ref)]
    tag = f"{host}/nginx:morphops-shop-{short(first.digest)}"
    done = destroy(stranger.world.site(), project="shop", reason="test")
    assert tag in done.images
    assert f"{host}/nginx:1" not in done.images, "a person pulled that"
    assert tag not in engine.held
    assert f"{host}/nginx:1" in engine.local


def test_a_service_that_only_a_profile_brings_is_not_started_without_it(
    stranger: Stranger,
) -> None:
    stranger.write("more.yaml", "services: {more: {image: HOST/nginx:1, profiles: [more]}}\n")
    stranger.change("bundle.yaml", "services: [web]}\n", "services: [web, more]}\n")
    stranger.change("bundle.yaml", "- {services: [web]", "- {services: [web, more]")
    profiles = "  files: [compose.yaml]\n  profiles: {more: [more.yaml]}\n"
    stranger.change("bundle.yaml", "  files: [compose.yaml]\n", profiles)
    stranger.change("schema.yaml", "true}}", "true}, COMPOSE_PROFILES: {about: What is on.}}")
    stranger.deploy()
    assert set(images_of(stranger)) == {"db", "web"}
    (stranger.world.folder / "state/shop.env").write_text("TOKEN=x\nCOMPOSE_PROFILES=more\n")
    stranger.deploy()
    assert set(images_of(stranger)) == {"db", "web", "more"}


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("- {services: [db], deadline: 5}\n  ", "", "services/db: is in no wave of the bundle"),
        (NGINX, f"{NGINX}    scale: 0\n", "services/web/scale: has a scale of 0"),
        (
            NGINX,
            f"{NGINX}    platform: linux/s390x\n",
            "services/web/platform: asks for",
        ),
        (
            "services: [web]}",
            "services: [webb]}",
            "services/web/image: image 'HOST/nginx:1'",
        ),
    ],
)
def test_what_can_never_be_deployed_is_refused_with_its_place(
    stranger: Stranger, was: str, becomes: str, told: str
) -> None:
    name = "compose.yaml" if was == NGINX else "bundle.yaml"
    stranger.change(name, was, becomes)
    with pytest.raises(InputError, match="no deploy could ever bring") as refused:
        stranger.create()
    told = told.replace("HOST", stranger.registry.host)
    (line,) = (line for line in refused.value.detail if told in line)
    number = int(line.split(":")[1])
    text = (stranger.world.folder / "ops/compose.yaml").read_text().splitlines()
    key = told.partition(":")[0].split("/")[-1]
    assert line.startswith("ops/compose.yaml:")
    assert f"{key}:" in text[number - 1]
    assert stranger.registry.manifests.get("shop/releases") is None


def test_a_service_that_no_profile_switches_on_may_be_in_no_wave(stranger: Stranger) -> None:
    tools = "  tools: {image: HOST/nginx:1, profiles: [tools], volumes: ['./x:/x']}\n"
    stranger.change("compose.yaml", "  web:\n", f"{tools}  web:\n")
    assert set(stranger.create().release.files)


def test_a_release_with_a_job_and_its_undo_can_be_made(stranger: Stranger) -> None:
    jobs = """  up: {image: HOST/nginx:1, restart: "no"}
  down: {image: HOST/nginx:1, restart: "no", profiles: [undo]}
"""
    stranger.change("compose.yaml", "  web:\n", f"{jobs}  web:\n")
    stranger.change("bundle.yaml", "services: [web]}\n", "services: [web, up, down]}\n")
    waves = "  - {services: [up]}\n  - {services: [web]"
    stranger.change("bundle.yaml", "  - {services: [web]", waves)
    stranger.change("bundle.yaml", "settle: 0\n", "settle: 0\njobs: {up: {undo: down}}\n")
    assert {image.name for image in stranger.create().release.images} == {"web", "db"}


def test_what_was_resolved_is_shown_to_people_and_machines(
    stranger: Stranger, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger.create()
    stranger.push("nginx:1", "of today")
    made = stranger.create()
    result = of_created(made.release, made.sources, made.carried)
    view = valid("release.create", result)
    assert [row["moved"] for row in view["sources"]] == [True, False]
    report.release_created(Reporter(), result)
    said = " ".join(capsys.readouterr().out.split())
    (web,) = (row for row in made.sources if row.image == "web")
    assert f"{short(web.digest)} had {short(web.previous)}" in said
    assert "the same" in said
    assert "carries 3 files for its services" in said
    assert "conf/init.sh (10 bytes, executable)" in said


def test_where_each_file_lies_is_shown(stranger: Stranger) -> None:
    planned = deploy(stranger.world.site(), [stranger.create().release.digest], plan_only=True)
    assert isinstance(planned, PlanResult)
    assert {row["kind"] for row in valid("deploy", planned)["beside"]} == {
        "carried",
        "data",
        "left out",
    }
    lines = "\n".join(plan.plan(planned))
    assert f"data: data of this machine, {stranger.world.folder}/ops/data" in lines
    assert "nginx.conf: the release's own copy, " in lines
    assert ".: left out, so nothing is mounted there" in lines
