"""What must be true of runbooks: seen with the tasks that there are, and with each other."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from morphops.core.bundle.schema import Bundle
from morphops.core.env import encryption
from morphops.core.finding import Finding
from morphops.core.jmespath import syntax_error
from morphops.core.release.reference import is_loopback
from morphops.core.runbook import commands
from morphops.core.runbook.commands import TaskIndex
from morphops.core.runbook.model import Input, Runbook, Step

STEP = "runbook-step"  # the rule's name, for `accept:`; its subject is the task

_INPUT = re.compile(r"\$(?P<brace>\{)?(?P<name>[A-Za-z_]\w*)(?(brace)\})")
_INV = re.compile(r"(?<![\w./-])inv +(?P<task>[a-z][\w.-]*)(?P<more>.*?(?=\binv |$))")
_SERVICE = re.compile(r"--service=([\w.-]+)")
_ENGINES = r"(?:/\S*bin/)?(?:docker(?:-compose)?|podman|nerdctl|kubectl)"
# Inline code that begins with it, after what may stand before a command.
_RAW = re.compile(
    rf"\s*(?:[$#>%]\s+)?(?:(?:sudo|env|exec|time|nohup)\s+(?:-\S+\s+)*|\w+=\S*\s+)*"
    rf"{_ENGINES}(?![\w.:/-])"
)
# Anywhere, also in a sentence: so what follows must be what no sentence says of an engine.
_VERBS = (
    "apply|attach|cp|create|delete|down|exec|get|inspect|kill|load|logs|ls|prune|ps|pull|push|"
    "restart|rm|rmi|run|save|start|stop|tag|up"
)
_KINDS = "builder|buildx|compose|container|image|manifest|network|system|volume"
_CALL = re.compile(rf"(?<![\w.:-]){_ENGINES}\s+(?:-|(?:(?:{_KINDS})\s+)?(?:{_VERBS})\b)")


def check(
    runbooks: Sequence[Runbook],
    tasks: TaskIndex,
    files: Mapping[str, frozenset[str] | None],
    services: Collection[str],
) -> tuple[Finding, ...]:
    """Every finding in some runbooks.

    Args:
        runbooks: to check.
        tasks: what there is to call.
        files: what links may point at: path relative to the runbooks' folder → its anchors,
            None where they are not known.
        services: the names that the stack's services have.

    Returns:
        findings, sorted by file and line.
    """
    found: list[Finding] = []
    for book in runbooks:
        found += book.findings
        if not book.steps and not book.findings:
            remedy = "write one; what is no runbook is called README.md, or lies elsewhere"
            found.append(Finding(book.file, 1, "has no steps, so there is nothing to run", remedy))
        for step in book.steps:
            found += _step(book, step, tasks)
        found += _failure_steps(book)
        found += _prose(book, tasks)
        found += _services(book, services)
        found += _links(book, files)
    return tuple(sorted(set(found)))


def missing(
    runbooks: Sequence[Runbook], tasks: TaskIndex, file: str, idle: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Tasks that change something and stand in no runbook; a bundle may accept each of them.

    Args:
        runbooks: all of them.
        tasks: what there is to call.
        file: the runbooks' folder, to name in the finding.
        idle: tasks that have nothing to do here, see `idle`.
    """
    called = set()
    for book in runbooks:
        for step in book.steps:
            try:
                call = tasks.read(words(step.command, samples(book.inputs)))
            except (ValueError, KeyError):
                continue
            if tasks.changes(call):
                called.add(call.task)
    return tuple(
        Finding(file, 0, "changes something and stands in no runbook", "add a step", STEP, (task,))
        for task in tasks.changing
        if task not in called and task not in idle
    )


def idle(bundle: Bundle, *, quickstart: bool, generated: bool) -> frozenset[str]:
    """The tasks for which a bundle gives no work, so that no runbook needs a step for them.

    Args:
        bundle: as it was read.
        quickstart: whether there is a quickstart.
        generated: whether files are made from the env schema (templates).
    """
    build = bundle.build
    encrypted = bundle.env.recipients or bundle.env.file.endswith(encryption.SUFFIX)
    works = {
        "quickstart": quickstart,
        "build": build is not None,
        "image.base": build is not None and bool(build.bases),
        "registry.up": is_loopback(bundle.registry),
        "registry.down": is_loopback(bundle.registry),
        "approval.grant": bool(bundle.invariants),
        "approval.revoke": bool(bundle.invariants),
        "env.template": generated,
        "env.identity": bool(encrypted),
        "env.encrypt": bool(encrypted),
    }
    return frozenset(task for task, has_work in works.items() if not has_work)


def words(command: str, values: Mapping[str, str]) -> tuple[str, ...]:
    """The words after `inv` with the inputs filled in; a value stays one word, whatever is in it.

    Raises:
        KeyError: an input that nobody declared.
        ValueError: it is no `inv` command, or has a `$` that is no input.
    """
    split = commands.split(command)
    for word in split:
        if "$" in _INPUT.sub("", word):
            raise ValueError(f"{word!r} has a $ that is no input")
    return tuple(_INPUT.sub(lambda found: values[found["name"]], word) for word in split)


def linked(runbooks: Sequence[Runbook]) -> frozenset[str]:
    """The files that runbooks link to, as paths relative to the runbooks' folder."""
    return frozenset(_linked(book, target)[0] for book in runbooks for _, target in book.links)


def inputs_of(book: Runbook, section: str) -> tuple[str, ...]:
    """The inputs that a section's steps use, in the order in which they are declared."""
    used = {name for s in book.steps if s.section == section for name in inputs_in(s)}
    return tuple(name for name in book.inputs if name in used)


def inputs_in(step: Step) -> tuple[str, ...]:
    """The inputs that a step's command uses."""
    if step.manual:
        return ()
    return tuple(found["name"] for found in _INPUT.finditer(step.command))


def samples(inputs: Mapping[str, Input]) -> dict[str, str]:
    """A value for each input, so that a command can be read before anybody gave one."""
    return {name: spec.default or f"sample-{name}" for name, spec in inputs.items()}


def _step(book: Runbook, step: Step, tasks: TaskIndex) -> Iterator[Finding]:
    def finding(what: str, remedy: str) -> Finding:
        return Finding(book.file, step.line, f"step {step.name}: {what}", remedy)

    above = {s.name: s for s in book.steps if s.line < step.line and s.section == step.section}
    for name in step.needs:
        if name not in above:
            yield finding(f"needs={name} is no step above it", "name one of the same section")
    if step.on_fail:
        offered = next((s for s in book.steps if s.name == step.on_fail), None)
        if offered is None or offered.section != step.section or offered is step:
            yield finding(f"on-fail={step.on_fail} is no step of this section", "name another one")
    if not step.section:
        yield finding("stands in no section", "put a heading ## above it")
    if step.manual:
        return
    try:
        call = tasks.read(words(step.command, samples(book.inputs)))
    except KeyError as err:
        name = str(err.args[0])
        yield finding(f"${name} is no input", f"declare it: inputs: {{{name}: {{about: …}}}}")
        return
    except ValueError as err:
        yield finding(f"{step.command!r}: {err}", "one `inv` command, see inv --list")
        return
    changes = tasks.changes(call)
    if changes != step.mutates:
        should = "true" if changes else "false"
        yield finding(
            f"mutates={str(step.mutates).lower()}, but `inv {call.task}` "
            f"{'changes' if changes else 'does not change'} something",
            f"mutates={should}",
        )
    if step.mutates and not step.on_failure_only:
        if all(s.mutates or s.manual for s in _all_needs(step, above)):
            yield finding(
                "changes something and needs no check before it", "needs=A_CHECK, which is a task"
            )
        if not step.on_fail:
            yield finding("changes something and has no on-fail", "on-fail=STEP")
    for expression in step.json:
        if why := syntax_error(expression):
            yield finding(f"json: {expression}: {why}", "write a JMESPath expression")
    if step.json and not tasks.takes(call.task, "json"):
        yield finding(f"`inv {call.task}` has no --json", "expect its exit code only")


def _all_needs(step: Step, above: Mapping[str, Step]) -> Iterator[Step]:
    """The steps that a step needs, and those that they need."""
    for name in step.needs:
        if name in above:
            yield above[name]
            yield from _all_needs(above[name], above)


def _failure_steps(book: Runbook) -> Iterator[Finding]:
    offered = {step.on_fail for step in book.steps}
    for step in book.steps:
        if step.on_failure_only and step.name not in offered:
            yield Finding(
                book.file, step.line, f"step {step.name}: no on-fail names it", "on-fail=…"
            )


def _prose(book: Runbook, tasks: TaskIndex) -> Iterator[Finding]:
    """What is said beside the steps: the tasks that it names are there, and nothing goes around."""
    for line, text in book.spans:
        if _RAW.match(text) or _CALL.search(text):
            yield Finding(book.file, line, f"`{text}` goes around the tasks", "name a task instead")
    for line, text in book.texts:
        if (text.lstrip()[:2] in ("$ ", "# ") and _RAW.match(text)) or _CALL.search(text):
            yield Finding(
                book.file, line, f"{text.strip()!r} goes around the tasks", "name a task instead"
            )
    commands = {step.line + 1 for step in book.steps if not step.manual}
    said = (place for place in (*book.spans, *book.texts) if place[0] not in commands)
    for line, text in said:
        for found in _INV.finditer(text):
            task = found["task"].rstrip(".,;")
            if not tasks.has(task):
                yield Finding(book.file, line, f"`{text}`: no task {task}", "see inv --list")
                continue
            more = [word.strip("`'\".,;:()") for word in found["more"].split()]
            if flag := tasks.no_flag(task, more):
                yield Finding(
                    book.file, line, f"`{text}`: {task} has no {flag}", f"see inv --help {task}"
                )


def _services(book: Runbook, services: Collection[str]) -> Iterator[Finding]:
    """A service that a command names is one of the stack; an input's value is not known here."""
    commands = ((step.line + 1, step.command) for step in book.steps if not step.manual)
    for line, text in sorted({*commands, *book.spans, *book.texts}):
        for name in _SERVICE.findall(text):
            if name not in services:
                what = f"--service={name}: the bundle has no such service"
                yield Finding(book.file, line, what, f"one of {', '.join(services)}")


def _links(book: Runbook, files: Mapping[str, frozenset[str] | None]) -> Iterator[Finding]:
    for line, target in book.links:
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, anchor = _linked(book, target)
        if not target.startswith("#") and name not in files:
            file = target.partition("#")[0]
            yield Finding(book.file, line, f"link to {file}: there is no such file", "mend it")
            continue
        anchors = book.anchors if target.startswith("#") else files[name]
        if anchor and anchors is not None and anchor not in anchors:
            yield Finding(book.file, line, f"link to {target}: no such heading", "mend the anchor")


def _linked(book: Runbook, target: str) -> tuple[str, str]:
    """File and anchor that a link names."""
    path, _, anchor = target.partition("#")
    return (_normal(path) if path else f"{book.name}.md"), anchor


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in PurePosixPath(path).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
