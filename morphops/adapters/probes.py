"""Readiness: one look at the world → ready, or not ready and the reason.

`read` looks once; `run` looks until the deadline. What was read is judged by `probe_judge`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from morphops.core.bundle.documents import Loaded
from morphops.core.jmespath import search
from morphops.core.probes.specs import Agree, Answers, Checksum, Http, Probe, Same
from morphops.core.probes.verdicts import NOT_ASKED, SHOWN, brief, compare, judge, questions, same
from morphops.core.stack import Instance, Running
from morphops.core.verify.reading import Reading
from morphops.errors import PreconditionError
from morphops.interfaces import Workloads


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What a probe may look at."""

    target: Workloads
    project: str
    documents: Mapping[str, Loaded]
    slot: str = ""


Look: TypeAlias = Callable[[], Reading]


def read(probe: Probe, world: ProbeContext) -> Reading:
    """Look once."""
    match probe:
        case Checksum():
            return read_checksum(probe, world.documents[probe.document])
        case Same():
            return same(probe, world.documents)
        case Agree():
            return _read_agree(probe, world)
        case Answers():
            return _read_answers(probe, world)
        case Http():
            return _read_http(probe, world)


def read_checksum(probe: Checksum, document: Loaded) -> Reading:
    """Hash the file that a document names."""
    name = search(probe.file, document.data)
    size = search(probe.bytes, document.data)
    sha256 = search(probe.sha256, document.data)
    if not isinstance(name, str) or not isinstance(sha256, str) or not isinstance(size, int):
        return Reading(False, f"{document.path} does not say file, size and sha256", final=True)
    path = document.path.parent / name
    try:
        found = path.stat().st_size
        if found != size:
            return Reading(
                False,
                f"{path} has {found} bytes, its manifest says {size}",
                ("the file is truncated, or belongs to another manifest",),
                final=True,
            )
        actual = _sha256(path)
    except OSError as err:
        return Reading(False, f"{path}: {err.strerror}", final=True)
    if actual != sha256:
        return Reading(
            False,
            f"{path} is not what its manifest says",
            (f"sha256 {actual}", f"manifest {sha256}"),
            final=True,
        )
    return Reading(True, f"{path} is sha256:{sha256[:12]}, as its manifest says")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_agree(probe: Agree, world: ProbeContext) -> Reading:
    running = world.target.observe(world.project)
    document = world.documents[probe.document].data if probe.document else None
    reading = Reading(False, "nothing was read")
    before: Mapping[str, Any] | None = None
    for _ in range(max(1, probe.reads)):
        answers = {}
        for service in probe.services:
            container = _one(running, service)
            if container is None:
                return Reading(False, f"{service} does not run")
            try:
                answers[service] = json.loads(world.target.http_get(container, probe.url, 5))
            except PreconditionError as err:
                return Reading(False, f"{service} does not answer {probe.url}", err.detail)
            except (ValueError, RecursionError):
                return Reading(
                    False, f"{service} answers {probe.url} with something else than JSON"
                )
        reading, fields = compare(probe, answers, document)
        if not reading.ready:
            return reading
        if before is not None and fields != before:
            return Reading(False, "the answers are still changing")
        before = fields
    return reading


def _read_answers(probe: Answers, world: ProbeContext) -> Reading:
    import requests

    url, why = published(world.target.observe(world.project), probe.service, probe.port)
    if not url:
        return Reading(False, why)
    asked = questions(probe, world.documents[probe.document].data)
    answers: list[Any] = []
    errors = 0
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the shell has no business on the way to loopback
        for question in asked:
            answers.append(post(session, url + probe.path, question.request, probe.timeout))
            errors += isinstance(answers[-1], Mapping) and "error" in answers[-1]
            if isinstance(answers[-1], str) or errors == SHOWN:
                # Nobody is there, or nobody who can answer: the rest would only wait as long.
                answers += [NOT_ASKED] * (len(asked) - len(answers))
                break
    return judge(asked, answers, probe.at_least)


def post(session: Any, url: str, request: Mapping[str, Any], timeout: float) -> Any:
    """POST a JSON-RPC request; the parsed response, or a text that says why there is none."""
    import requests

    try:
        response = session.post(url, json=request, timeout=timeout)
    except requests.Timeout:
        return f"no answer within {timeout:g} s"
    except requests.RequestException as err:
        return f"no answer ({type(err).__name__})"
    try:
        return response.json()
    except ValueError:
        return f"HTTP {response.status_code} and no JSON"


def _read_http(probe: Http, world: ProbeContext) -> Reading:
    import requests

    url, why = published(world.target.observe(world.project), probe.service, probe.port)
    if not url:
        return Reading(False, why)
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.get(url + probe.path, timeout=5)
        except requests.RequestException as err:
            return Reading(False, f"{probe.service} does not answer ({type(err).__name__})")
    if response.status_code != probe.status:
        return Reading(False, f"{probe.service} answers HTTP {response.status_code}")
    if probe.expect:
        try:
            body = response.json()
        except ValueError:
            return Reading(False, f"{probe.service} answers with something else than JSON")
        if search(probe.expect, body) is not True:
            return Reading(False, f"{probe.service}: {probe.expect} is not true of {brief(body)}")
    return Reading(True, f"{probe.service} answers HTTP {response.status_code}")


def published(running: Running, service: str, port: int) -> tuple[str, str]:
    """The URL of a published port: (url, "") or ("", why there is none)."""
    container = _one(running, service)
    if container is None:
        return "", f"{service} does not run"
    for mapping in container.ports:
        if mapping.target == port and mapping.protocol == "tcp":
            host = "127.0.0.1" if mapping.host in ("", "0.0.0.0", "::") else mapping.host  # noqa: S104
            return f"http://{f'[{host}]' if ':' in host else host}:{mapping.published}", ""
    return "", f"{service} publishes no port {port}"


def _one(running: Running, service: str) -> Instance | None:
    return next((c for c in running.of(service) if c.state == "running"), None)
