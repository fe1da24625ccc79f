"""What a Dockerfile of a production image must be, as a table of rules. Pure.

The rules that matter for a release. The same input gives the same image, the image does not run as
root, and it holds no secret. `hadolint` has many more rules on style; this does not replace it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from morphops.core.checks import dockerfile, downloads, secret_files
from morphops.core.checks import plain_secrets as secrets_in
from morphops.core.checks.dockerfile_scopes import Step, built_stage, scoped
from morphops.core.checks.service_rules import numeric_user
from morphops.core.finding import Finding
from morphops.core.release.reference import is_pinned
from morphops.core.rule import Breach, Rule, findings

Broken: TypeAlias = Iterator[Breach[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A Dockerfile, and what its build is given.

    Attributes:
        directives: its parser directives: name, value, line.
        steps: its instructions.
        secrets: names of variables that are secret.
        bases: FROM references that a recipe of this project replaces; None without recipes.
        target: the stage that is built; empty for the last one.
    """

    directives: tuple[tuple[str, str, int], ...]
    steps: tuple[Step, ...]
    secrets: Collection[str]
    bases: Collection[str] | None
    target: str

    def named(self, *names: str) -> Iterator[Step]:
        """Yields the steps of some instructions."""
        return (step for step in self.steps if step.name in names)


def check(
    name: str,
    text: str,
    *,
    secrets: Collection[str] = (),
    bases: Collection[str] | None = None,
    args: Mapping[str, str] | None = None,
    contexts: Collection[str] = (),
    target: str = "",
) -> list[Finding]:
    """Returns every finding in a Dockerfile, in the order of lines.

    Args:
        name: how messages name it.
        text: its contents.
        secrets: names of variables that are secret.
        bases: FROM references that a recipe of this project replaces; None without recipes.
        args: build arguments that the build is given; else a default counts.
        contexts: names that the build gives to something else (named contexts).
        target: the stage that is built; the last one if empty.
    """
    build = Build(
        directives=tuple(dockerfile.directives(text)),
        steps=tuple(scoped(dockerfile.instructions(text), args or {}, contexts)),
        secrets=secrets,
        bases=bases,
        target=target,
    )
    subjects = (name.rpartition("/")[2],)
    found = findings(RULES, build, lambda line: (name, line), subjects)
    return sorted(found, key=lambda finding: finding.line)


def _on(step: Step, /, **words: object) -> Breach[int]:
    return Breach(step.instruction.line, words)


def _pulled_frontend(build: Build) -> Broken:
    for directive, value, line in build.directives:
        if directive == "syntax" and not is_pinned(value):
            yield Breach(line, {"frontend": value})


def _bases(build: Build) -> Iterator[tuple[Step, str]]:
    """The images that stages begin with; neither other stages nor `scratch`."""
    for step in build.named("FROM"):
        words = step.instruction.words
        base = step.resolved(words[0]) if words else ""
        if base != "scratch" and not step.has_context(base):
            yield step, base


def _unpinned_base(build: Build) -> Broken:
    return (_on(step, image=base) for step, base in _bases(build) if not is_pinned(base))


def _base_without_recipe(build: Build) -> Broken:
    for step, base in _bases(build):
        if build.bases is not None and is_pinned(base) and base not in build.bases:
            yield _on(step, image=base)


def _unpinned_source(build: Build) -> Broken:
    for step in build.steps:
        for source in step.instruction.sources:
            image = step.resolved(source)
            if not step.has_context(image) and not is_pinned(image):
                yield _on(step, image=image)


def _no_user(build: Build) -> Broken:
    stage = built_stage(build.steps, build.target)
    if not any(step.name == "USER" for step in stage):
        yield Breach(stage[0].instruction.line if stage else 1)


def _root_user(build: Build) -> Broken:
    users = [step for step in built_stage(build.steps, build.target) if step.name == "USER"]
    for step in users[-1:]:
        user = step.instruction.text
        if not numeric_user(step.resolved(user)):
            yield _on(step, user=user)


def _added(build: Build, *, git: bool) -> Broken:
    """What is added from the network, and may change there."""
    for step in build.named("COPY", "ADD"):
        if not step.instruction.option("checksum"):
            for url in downloads.unpinned(step.instruction.arguments[:-1], git=git):
                yield _on(step, url=url)


def _downloaded_script(build: Build) -> Broken:
    for step in build.named("RUN"):
        if downloads.runs_download(step.instruction.command):
            yield _on(step)


def _open_pip(build: Build) -> Broken:
    for step in build.named("RUN"):
        for command in re.split(r"&&|\|\||;|\n", step.instruction.text):
            hashes = "--require-hashes" in command
            offline = "--no-index" in command and "--no-deps" in command
            if re.search(r"\bpip3?\b.*\binstall\b", command) and not hashes and not offline:
                yield _on(step)


def _shell_form(build: Build) -> Broken:
    for step in build.named("ENTRYPOINT", "CMD"):
        if not step.instruction.text.startswith("["):
            yield _on(step, step=step.name)


def _url_with_password(build: Build) -> Broken:
    for step in build.steps:
        if secrets_in.has_password(step.instruction.text):
            yield _on(step, step=step.name)


def _secret_file(build: Build) -> Broken:
    for step in build.named("COPY", "ADD"):
        if not step.instruction.option("from"):
            for file in filter(secret_files.is_secret, step.instruction.arguments[:-1]):
                yield _on(step, file=file)


def _assigned_secret(build: Build) -> Broken:
    for step in build.named("RUN"):
        for name, value in secrets_in.assigned(step.instruction.command):
            secret = name in build.secrets or secrets_in.takes_secret(name)
            if secret and secrets_in.literal(value):
                yield _on(step, variable=name)


def _said_secret(build: Build) -> Broken:
    for step in build.named("RUN", "ENTRYPOINT", "CMD"):
        text = step.instruction.command
        found = (*secrets_in.flags(secrets_in.words(text)), *secrets_in.headers(text))
        for flag in dict.fromkeys(name for name, _ in found):
            yield _on(step, step=step.name, flag=flag)


def _declared_secret(build: Build) -> Broken:
    for step in build.named("ENV", "ARG"):
        for name in step.instruction.declared:
            if name in build.secrets or secrets_in.secret_name(name):
                yield _on(step, step=step.name, variable=name)


def _labelled_secret(build: Build) -> Broken:
    for step in build.named("LABEL"):
        for word in secrets_in.words(step.instruction.text):
            name, equals, value = word.partition("=")
            if equals and secrets_in.takes_secret(name) and secrets_in.literal(value):
                yield _on(step, label=name)


_PIN = "write name:tag@sha256:<64 hex digits>"
_MOUNT = "mount it: RUN --mount=type=secret"

RULES: tuple[Rule[Build, int], ...] = (
    Rule(
        "syntax",
        _pulled_frontend,
        "the frontend {frontend} is pulled again at each build",
        "remove the line, or name the frontend by digest",
    ),
    Rule("digest", _unpinned_base, "{image} may be another image tomorrow", _PIN),
    Rule("digest", _unpinned_source, "{image} may be another image tomorrow", _PIN),
    Rule(
        "base",
        _base_without_recipe,
        "no recipe replaces {image}",
        "add it to `replaces:` of a recipe, letter for letter",
    ),
    Rule("user", _no_user, "the image runs as root", "end with USER 10001:10001"),
    Rule(
        "user",
        _root_user,
        "USER {user} is root, of root's group, or a name that the base decides",
        "write it by number: USER 10001:10001",
    ),
    Rule(
        "download",
        lambda build: _added(build, git=True),
        "{url} may be another commit tomorrow",
        "name a commit: #<its 40 hex digits>",
    ),
    Rule(
        "download",
        lambda build: _added(build, git=False),
        "{url} may be another file tomorrow",
        "add --checksum=sha256:<its digest>",
    ),
    Rule(
        "download",
        _downloaded_script,
        "a shell runs what it downloads",
        "download it, compare its digest, then run it",
    ),
    Rule(
        "pip",
        _open_pip,
        "pip takes what the index has today",
        "write --require-hashes -r requirements.txt, or --no-index --no-deps",
    ),
    Rule(
        "exec-form",
        _shell_form,
        "{step} runs under a shell that does not pass on signals",
        'write {step} ["program", "argument"]',
    ),
    Rule(
        "secret",
        _url_with_password,
        "{step} has a URL with a password, which stays in the image's history",
        _MOUNT,
    ),
    Rule("secret", _secret_file, "{file} stays in a layer of the image", _MOUNT),
    Rule(
        "secret",
        _assigned_secret,
        "RUN sets {variable}, which stays in the image's history",
        _MOUNT,
    ),
    Rule(
        "secret",
        _said_secret,
        "{step} has {flag} with a value, which stays in the image's history",
        f"{_MOUNT}, or pass it in the environment",
    ),
    Rule("secret", _declared_secret, "{step} {variable} stays in the image's history", _MOUNT),
    Rule(
        "secret", _labelled_secret, "LABEL {label} has a value that everybody can read", "remove it"
    ),
)

NAMES = frozenset(rule.name for rule in RULES)  # by which a bundle accepts them
