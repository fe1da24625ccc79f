"""Readiness: one look at the world → ready, or not ready and the reason.

`read_*` functions look once; `await_ready` looks until the deadline. A reading that more patience
cannot mend (a wrong answer, a file that does not hash right) is *final*.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from morphops.bundle import Agree, Answers, Checksum, Http, Probe, Question, Same, param_expression
from morphops.documents import Loaded, find
from morphops.errors import GateFailed, MorphopsError
from morphops.target import Container, Running, Say, Target

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look showed.

    Attributes:
        ready: whether the probe passed.
        reason: one line: what was seen, or why not.
        details: further lines, for a failure.
        facts: what `status` shows.
        final: not ready, and waiting will not help.
    """

    ready: bool
    reason: str
    details: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    final: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What a probe may look at."""

    target: Target
    project: str
    documents: Mapping[str, Loaded]


Look: TypeAlias = Callable[[], Reading]


def read(probe: Probe, world: World) -> Reading:
    """Look once."""
    match probe:
        case Checksum():
            return read_checksum(probe, world.documents[probe.document])
        case Same():
            return read_same(probe, world.documents)
        case Agree():
            return _read_agree(probe, world)
        case Answers():
            return _read_answers(probe, world)
        case Http():
            return _read_http(probe, world)


def run(name: str, probe: Probe, world: World, say: Say) -> Reading:
    """Look until the probe is ready.

    Raises:
        GateFailed: it was not within its deadline; with the last reason.
    """
    deadline = getattr(probe, "deadline", 0.0)
    interval = getattr(probe, "interval", 0.0)
    return await_ready(name, lambda: read(probe, world), deadline, interval, say)


def await_ready(
    name: str,
    look: Look,
    deadline: float,
    interval: float,
    say: Say,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Reading:
    """Look again and again until ready, final, or out of time.

    Args:
        name: the probe's name, for messages.
        look: one reading.
        deadline, interval: seconds; with deadline 0 there is one look.
        say: is told the reason whenever it changes.
        clock, sleep: monotonic time.

    Raises:
        GateFailed: with the last reason.
    """
    end = clock() + deadline
    told = ""
    while True:
        reading = look()
        if reading.ready:
            return reading
        if reading.final or not deadline or clock() + interval > end:
            waited = "" if reading.final or not deadline else f" within {deadline:g} s"
            raise GateFailed(
                f"probe {name} did not pass{waited}: {reading.reason}", detail=reading.details
            )
        if reading.reason != told:
            told = reading.reason
            say(f"{name}: {told}")
        sleep(interval)


def read_checksum(probe: Checksum, document: Loaded) -> Reading:
    """Hash the file that a document names."""
    name = find(probe.file, document.data)
    size = find(probe.bytes, document.data)
    sha256 = find(probe.sha256, document.data)
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


def read_same(probe: Same, documents: Mapping[str, Loaded]) -> Reading:
    """Compare documents with each other."""
    differing = []
    for label, expression in probe.fields.items():
        values = {name: find(expression, documents[name].data) for name in probe.documents}
        if any(value is None for value in values.values()):
            silent = ", ".join(name for name, value in values.items() if value is None)
            differing.append(f"{label}: {silent} does not say")
        elif len({json.dumps(value, sort_keys=True) for value in values.values()}) > 1:
            said = "; ".join(f"{name} says {_brief(value)}" for name, value in values.items())
            differing.append(f"{label}: {said}")
    if differing:
        names = " and ".join(probe.documents)
        return Reading(False, f"{names} are not the same", tuple(differing), final=True)
    return Reading(True, f"{' and '.join(probe.documents)} say the same")


def compare(
    probe: Agree, answers: Mapping[str, Any], document: Any
) -> tuple[Reading, Mapping[str, Any]]:
    """One round of answers of an `agree` probe, judged.

    Args:
        probe: what must agree.
        answers: service → its JSON answer.
        document: what to compare with; None for nothing.

    Returns:
        the reading and the values of the fields, for the comparison with other rounds.
    """
    seen: dict[str, dict[str, Any]] = {
        service: {label: find(expr, answer) for label, expr in probe.fields.items()}
        for service, answer in answers.items()
    }
    first, *others = seen
    problems = []
    for label in probe.fields:
        values = {service: fields[label] for service, fields in seen.items()}
        if any(values[other] != values[first] for other in others):
            said = "; ".join(f"{service} says {_brief(v)}" for service, v in values.items())
            problems.append(f"{label}: {said}")
        elif values[first] is None:  # to be silent together is no agreement
            problems.append(f"{label}: {', '.join(seen)} does not say")
        elif label in probe.matches and document is not None:
            expected = find(probe.matches[label], document)
            if values[first] != expected:
                problems.append(
                    f"{label}: served {_brief(values[first])}, the document says {_brief(expected)}"
                )
    if problems:
        return Reading(False, "; ".join(problems), tuple(problems)), seen[first]
    shown = {label: seen[first][label] for label in probe.show}
    said = ", ".join(f"{label} {_brief(value)}" for label, value in shown.items())
    return Reading(True, f"{' and '.join(seen)} agree: {said}", facts=shown), seen[first]


def _read_agree(probe: Agree, world: World) -> Reading:
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
                answers[service] = json.loads(world.target.fetch(container, probe.url, 5))
            except MorphopsError as err:
                return Reading(False, f"{service} does not answer {probe.url}", err.detail)
            except ValueError:
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A question ready to be asked: its request body and the right result."""

    name: str
    subject: str
    request: Mapping[str, Any]
    expected: Any


def questions(probe: Answers, document: Any) -> tuple[Asked, ...]:
    """All known questions of a document."""
    asked: list[Asked] = []
    for row in find(probe.rows, document) or ():
        for question in probe.questions:
            if not question.when or find(question.when, row):
                asked.append(ask(question, row, len(asked) + 1))
    return tuple(asked)


def ask(question: Question, row: Any, id_: int) -> Asked:
    """One question, filled in from a row."""
    params = [
        find(expression, row) if (expression := param_expression(param)) else param
        for param in question.params
    ]
    request = {"jsonrpc": "2.0", "id": id_, "method": question.method, "params": params}
    subject = str(params[0]) if params else ""
    return Asked(question.name, subject, request, find(question.expect, row))


def judge(asked: Sequence[Asked], answers: Sequence[Any], at_least: int) -> Reading:
    """Compare answers with what is right.

    Args:
        asked: the questions.
        answers: for each of them the JSON-RPC response, or a text that says why there is none.
        at_least: fewer questions than this prove nothing.
    """
    wrong, missing = [], []
    for question, answer in zip(asked, answers, strict=True):
        about = f"{question.name} of {question.subject}"
        what = f"{about}: expected {_brief(question.expected)}"
        if question.expected is None:
            wrong.append(f"{about}: the document does not say what is right")
        elif isinstance(answer, Mapping) and "result" in answer:
            if answer["result"] != question.expected:
                wrong.append(f"{what}, got {_brief(answer['result'])}")
        elif isinstance(answer, Mapping) and isinstance(answer.get("error"), Mapping):
            error = answer["error"]
            missing.append(f"{what}, got error {error.get('code')}: {error.get('message')}")
        else:
            missing.append(f"{what}, got {answer if isinstance(answer, str) else _brief(answer)}")
    failed = wrong + missing
    if failed:
        more = len(failed) - _SHOWN
        details = (*failed[:_SHOWN], *((f"and {more} more",) if more > 0 else ()))
        reason = f"{len(failed)} of {len(asked)} known answers were missed"
        # An error may pass; a wrong answer is wrong.
        return Reading(False, reason, details, final=bool(wrong))
    if len(asked) < at_least:
        return Reading(
            False, f"only {len(asked)} answers are known, {at_least} are needed", final=True
        )
    return Reading(True, f"{len(asked)} of {len(asked)} known answers are right")


def _read_answers(probe: Answers, world: World) -> Reading:
    import requests

    url, why = published(world.target.observe(world.project), probe.service, probe.port)
    if not url:
        return Reading(False, why)
    asked = questions(probe, world.documents[probe.document].data)
    answers: list[Any] = []
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the shell has no business on the way to loopback
        for question in asked:
            answers.append(post(session, url + probe.path, question.request, probe.timeout))
            if isinstance(answers[-1], str):
                # Nobody is there: the rest would only wait as long.
                answers += ["was not asked"] * (len(asked) - len(answers))
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


def _read_http(probe: Http, world: World) -> Reading:
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
        if find(probe.expect, body) is not True:
            return Reading(False, f"{probe.service}: {probe.expect} is not true of {_brief(body)}")
    return Reading(True, f"{probe.service} answers HTTP {response.status_code}")


def published(running: Running, service: str, port: int) -> tuple[str, str]:
    """The URL of a published port: (url, "") or ("", why there is none)."""
    container = _one(running, service)
    if container is None:
        return "", f"{service} does not run"
    for mapping in container.ports:
        if mapping.target == port:
            host = "127.0.0.1" if mapping.host in ("", "0.0.0.0", "::") else mapping.host  # noqa: S104
            return f"http://{f'[{host}]' if ':' in host else host}:{mapping.published}", ""
    return "", f"{service} publishes no port {port}"


def _one(running: Running, service: str) -> Container | None:
    return next((c for c in running.of(service) if c.state == "running"), None)


def _brief(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    if isinstance(value, str) and not _reads_as_json(value):
        text = value  # without its quotes, for nothing else is written so
    return text if len(text) <= 66 else f"{text[:63]}…"


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
