"""What a Dockerfile of a production image must be. Pure.

The rules that matter for a release: the same input gives the same image, it runs as nobody special,
and it holds no secret. `hadolint` has many more, on style; this does not replace it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from morphops.artifacts import dockerfile
from morphops.artifacts.compose_rules import USER_INFO
from morphops.artifacts.dockerfile import Instruction
from morphops.artifacts.finding import Finding
from morphops.artifacts.service_rules import numeric_user
from morphops.base_recipe import Recipes
from morphops.model import is_digest, is_pinned
from morphops.yamltext import YamlText

Tell: TypeAlias = Callable[[str, int, str, str], Finding]

NAMES = frozenset(
    {"syntax", "digest", "base", "user", "download", "secret", "pip", "exec-form"}
)  # by which a bundle accepts them
_DIGEST = "write name:tag@sha256:<64 hex digits>"
_SECRET = re.compile(
    r"(?i)\b(?:[a-z0-9]+_)*(?:password|passwd|secret|token|api_?key|private_key|credentials?)\b"
)
_SECRET_FILE = re.compile(r"(^|/)(\.env|[^/]*\.env|[^/]*\.pem|[^/]*\.key|id_[a-z0-9]+|\.netrc)$")
_PIPED = re.compile(r"\b(curl|wget)\b[^|;&]*\|\s*(\S*/)?(sudo\s+)?(ba|da|z)?sh\b")


def check(
    name: str, text: str, *, secrets: Collection[str] = (), bases: Collection[str] | None = None
) -> Iterator[Finding]:
    """Every finding in a Dockerfile.

    Args:
        name: how messages name it.
        text: its contents.
        secrets: names of variables that are secret.
        bases: FROM references for which this project can make a stand-in; None where it makes none.
    """

    def tell(rule: str, line: int, what: str, remedy: str) -> Finding:
        return Finding(name, line, what, remedy, rule, (name.rpartition("/")[2],))

    steps = dockerfile.instructions(text)
    for directive, value, line in dockerfile.directives(text):
        if directive == "syntax" and not is_pinned(value):
            yield tell(
                "syntax",
                line,
                f"the frontend {value} is pulled anew at each build",
                "leave the line out, or name it by digest",
            )
    stages: set[str] = set()
    for step in steps:
        if USER_INFO.search(step.text):
            yield tell(
                "secret",
                step.line,
                f"{step.name} has a URL with a password, which stays in the image's history",
                "mount it: RUN --mount=type=secret",
            )
        match step.name:
            case "FROM":
                words = step.words
                base = words[0] if words else ""
                if base not in stages and base != "scratch":
                    if not is_pinned(base):
                        yield tell(
                            "digest", step.line, f"{base} may be another image tomorrow", _DIGEST
                        )
                    elif bases is not None and base not in bases:
                        yield tell(
                            "base",
                            step.line,
                            f"no recipe stands in for {base}",
                            "add it to `replaces:` of a recipe, letter for letter",
                        )
                if len(words) == 3 and words[1].upper() == "AS":
                    stages.add(words[2])
            case "COPY" | "ADD":
                yield from _copied(step, stages, tell)
            case "RUN":
                yield from _run(step, tell)
            case "ENV" | "ARG":
                yield from _declared(step, secrets, tell)
            case "ENTRYPOINT" | "CMD":
                if not step.text.startswith("["):
                    yield tell(
                        "exec-form",
                        step.line,
                        f"{step.name} runs under a shell that keeps signals to itself",
                        f'write {step.name} ["program", "argument"]',
                    )
    yield from _user(steps, tell)


def replaced(text: YamlText, recipes: Recipes) -> Iterator[Finding]:
    """What recipes of bases stand in for is named by digest.

    Args:
        text: the recipes' own text, for the lines.
        recipes: as they were read.
    """
    for image, recipe in recipes.images.items():
        for number, reference in enumerate(recipe.replaces):
            if not is_pinned(reference):
                line = text.line("images", image, "replaces", str(number))
                what = f"image {image}: {reference} may be another image tomorrow"
                yield Finding(text.name, line, what, _DIGEST)


def digests(name: str, text: str) -> Iterator[Finding]:
    """Digests in any file that are none: `sha256:` and not 64 hex digits after it."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in re.finditer(r"sha256:([0-9A-Za-z]+)", line):
            if not is_digest(found[0]):
                yield Finding(
                    name,
                    number,
                    f"sha256:{found[1][:12]}… is no digest ({len(found[1])} characters)",
                    "64 digits of 0-9 and a-f",
                )


def _user(steps: list[Instruction], tell: Tell) -> Iterator[Finding]:
    """The last stage ends as a user by number that is not root."""
    last = [n for n, step in enumerate(steps) if step.name == "FROM"]
    final = steps[last[-1] :] if last else []
    users = [step for step in final if step.name == "USER"]
    if not users:
        line = final[0].line if final else 1
        yield tell("user", line, "the image runs as root", "end with USER 10001:10001")
    elif not numeric_user(users[-1].text):
        yield tell(
            "user",
            users[-1].line,
            f"USER {users[-1].text} is root, or a name that the base decides",
            "write it by number: USER 10001:10001",
        )


def _copied(step: Instruction, stages: set[str], tell: Tell) -> Iterator[Finding]:
    source = step.option("from")
    if source and source not in stages and not source.isdigit() and not is_pinned(source):
        yield tell("digest", step.line, f"{source} may be another image tomorrow", _DIGEST)
    for word in step.words[:-1]:
        if re.match(r"(https?|git|ftp)[:@]", word) and not step.option("checksum"):
            yield tell(
                "download",
                step.line,
                f"{word} may be another file tomorrow",
                "add --checksum=sha256:<its digest>",
            )
        if not source and _SECRET_FILE.search(word):
            yield tell(
                "secret",
                step.line,
                f"{word} stays in a layer of the image",
                "mount it: RUN --mount=type=secret",
            )


def _run(step: Instruction, tell: Tell) -> Iterator[Finding]:
    if _PIPED.search(step.text):
        yield tell(
            "download",
            step.line,
            "a shell runs what the network says",
            "download it, compare its digest, then run it",
        )
    for command in re.split(r"&&|\|\||;|\n", step.text):
        if not re.search(r"\bpip3?\b.*\binstall\b", command):
            continue
        held = "--require-hashes" in command
        offline = "--no-index" in command and "--no-deps" in command
        if not held and not offline:
            yield tell(
                "pip",
                step.line,
                "pip takes what the index has today",
                "--require-hashes -r requirements.txt, or --no-index --no-deps",
            )


def _declared(step: Instruction, secrets: Collection[str], tell: Tell) -> Iterator[Finding]:
    names = re.findall(r"(?:^|\s)([A-Za-z_]\w*)(?==|\s*$)", step.text)
    if step.name == "ENV" and "=" not in (step.words or ("",))[0]:
        names = list(step.words[:1])  # the old form: ENV NAME value
    for name in names:
        if name in secrets or _SECRET.fullmatch(name):
            yield tell(
                "secret",
                step.line,
                f"{step.name} {name} stays in the image's history",
                "mount it: RUN --mount=type=secret",
            )
