"""`inv quickstart`: from nothing to a stack that answers, on one machine.

What it adds to a bundle is data: `quickstart.yaml` beside `bundle.yaml`.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from morphops.adapters.probes import ProbeContext
from morphops.adapters.probes.published_port import direct_session, post, published
from morphops.adapters.store import text_file
from morphops.core.bundle.quickstart import FILE, Ask, Prepare
from morphops.core.bundle.quickstart import Quickstart as Recipe
from morphops.core.env import dotenv, templates
from morphops.core.release.reference import ImageRef
from morphops.core.requests import RunRequest
from morphops.core.results.deploy import PlanResult
from morphops.core.results.quickstart import Answer, Quickstart
from morphops.core.schema import parse_mapping
from morphops.errors import ConfigError, GateFailed
from morphops.operations import build, deploy, host
from morphops.operations.env.schema import read_schema
from morphops.operations.registry import local
from morphops.operations.release import create
from morphops.site import Site


def quickstart(site: Site) -> Quickstart:
    """Set up, build, release, deploy and ask; again, it changes nothing.

    Returns:
        what runs, and each question with the answer and what the sample says.

    Raises:
        MorphopsError: whatever a step raises.
        GateFailed: an answer is not what the sample says.
    """
    sample = recipe(site)
    stages = [
        "the container engine",
        "the local registry",
        "the images",
        "sample data",
        "the env file",
        "the release",
        "deploy",
        "ask",
    ]

    def stage(name: str) -> None:
        site.observer.step(stages.index(name) + 1, len(stages), f"quickstart: {name}")

    stage("the container engine")
    host.setup(site)
    stage("the local registry")
    if local.is_local(site.bundle.registry):
        site.observer.note(f"{local.registry_up(site).address} answers")
    stage("the images")
    built = build.build(site).images
    stage("sample data")
    for item in sample.prepare:
        _prepare(site, item, ImageRef.parse(built[item.image]))
    stage("the env file")
    path = _write_env(site, sample.env)
    stage("the release")
    release = create.create(site, (), ()).release
    site.observer.note(release.digest)
    stage("deploy")
    done = deploy.deploy(site, [release.digest], reason="quickstart")
    stage("ask")
    if isinstance(done, PlanResult):
        raise AssertionError("only plan_only returns a plan")
    return Quickstart(
        state=done.state,
        release=done.release,
        operation=done.operation,
        changes=done.changes,
        changed=done.changed,
        env_file=str(path),
        answers=_ask(site, sample.ask),
        try_=tuple(_commands(site, sample.ask)),
    )


def recipe(site: Site) -> Recipe:
    """The bundle's quickstart.

    Raises:
        ConfigError: it has none, or it is wrong.
    """
    path = site.folder / FILE
    if not path.exists():
        raise ConfigError(f"{path}: is not there", hint="a bundle without one has no quickstart")
    return parse_mapping(text_file.read(path), str(path), Recipe)


def _prepare(site: Site, item: Prepare, image: ImageRef) -> None:
    made = Path(_fill(site, item.creates))
    if made.exists():
        site.observer.note(f"{item.name}: is there already ({made})")
        return
    volumes = [(str(site.folder / name), place, "ro") for name, place in item.reads.items()]
    for name, place in item.writes.items():
        folder = Path(_fill(site, name))
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        volumes.append((str(folder), place, "rw"))
    request = RunRequest(
        image=str(image),
        entrypoint=item.entrypoint,
        command=tuple(item.command),
        volumes=tuple(volumes),
        user=f"{os.geteuid()}:{os.getegid()}",
        doing=f"make {item.name}",
    )
    for line in site.platform.workloads.run_once(request):
        site.observer.note(line)
    if not made.exists():
        raise ConfigError(f"{FILE}: {item.name}: {item.entrypoint} made no {made}")


def _write_env(site: Site, given: Mapping[str, str]) -> Path:
    path = site.env_file()
    if path.exists():
        site.observer.note(f"{path} is there already and stays as it is")
        return path
    schema = read_schema(site)
    values = templates.generate(
        schema, {key: _fill(site, value) for key, value in given.items()}, secrets.token_hex
    )
    header = "Written by inv quickstart, with keys of its own. Keep it: mode 0600, out of git."
    site.state.write(path, dotenv.render(values, header=header).encode())
    site.observer.note(f"wrote {path} with fresh keys, mode 0600")
    return path


def _ask(site: Site, ask: Ask) -> tuple[Answer, ...]:
    document = json.loads((site.folder / ask.document).read_bytes())
    url, why = published(_context(site), ask.service, ask.port)
    if not url:
        raise GateFailed(why, hint="inv status")
    answers: list[Answer] = []
    with direct_session() as session:
        for number, question in enumerate(ask.questions, start=1):
            asked = question.ask(document, number)
            answer = post(session, url, asked.request, 15)
            got = answer.get("result") if isinstance(answer, Mapping) else None
            answers.append(
                Answer(
                    question=f"{question.name} of {asked.subject}",
                    answer=got,
                    expected=asked.expected,
                    right=_equal(got, asked.expected),
                )
            )
    wrong = [a for a in answers if not a.right]
    if wrong:
        raise GateFailed(
            f"{len(wrong)} of {len(answers)} answers are not what {ask.document} says",
            detail=tuple(f"{a.question}: expected {a.expected}, got {a.answer}" for a in wrong),
            hint="inv smoke; inv logs",
        )
    return tuple(answers)


def _equal(got: object, expected: object) -> bool:
    """Equal, where numbers may be written in decimal or in hex."""
    if got == expected:
        return got is not None
    try:
        return int(str(got), 0) == int(str(expected), 0)
    except ValueError:
        return str(got).lower() == str(expected).lower()


def _context(site: Site) -> ProbeContext:
    return ProbeContext(site.platform.workloads, site.bundle.project, {})


def _commands(site: Site, ask: Ask) -> list[str]:
    url, _ = published(_context(site), ask.service, ask.port)
    inv = typed(Path(sys.executable), site.environ.get("PATH", ""), Path.cwd())
    commands = [f"{inv} {task}" for task in ("status", "smoke", "history", "logs")]
    if ask.questions and url:
        document = json.loads((site.folder / ask.document).read_bytes())
        request = json.dumps(dict(ask.questions[0].ask(document, 1).request))
        commands.append(f"curl -s -H content-type:application/json -d {shlex.quote(request)} {url}")
    return [*commands, f"{inv} down"]


def typed(python: Path, path: str, here: Path) -> str:
    """How `inv` is called from here: by its place where no activated environment finds it.

    Args:
        python: the interpreter that runs; its `inv` lies beside it.
        path: where a shell looks for commands.
        here: the current folder.
    """
    own = python.with_name("inv")
    found = shutil.which("inv", path=path)
    if not own.exists() or (found and Path(found).samefile(own)):
        return "inv"
    return str(own.relative_to(here) if own.is_relative_to(here) else own)


def _fill(site: Site, text: str) -> str:
    return text.replace("{state}", str(site.state.root))
