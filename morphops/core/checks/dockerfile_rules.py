"""What a Dockerfile of a production image must be. Pure.

The rules that matter for a release: the same input gives the same image, it runs as nobody special,
and it holds no secret. `hadolint` has many more, on style; this does not replace it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeAlias

from morphops.core.base_images.recipe import Recipes
from morphops.core.checks import dockerfile, plain_secrets
from morphops.core.checks.compose_rules import USER_INFO
from morphops.core.checks.dockerfile import Instruction
from morphops.core.checks.service_rules import numeric_user
from morphops.core.finding import Finding
from morphops.core.release.digest import is_digest
from morphops.core.release.reference import is_pinned
from morphops.core.yaml_text import YamlText

Tell: TypeAlias = Callable[[str, int, str, str], Finding]

NAMES = frozenset(
    {"syntax", "digest", "base", "user", "download", "secret", "pip", "exec-form"}
)  # by which a bundle accepts them
_DIGEST = "write name:tag@sha256:<64 hex digits>"
_SECRET = re.compile(
    r"(?i)\b(?:[a-z0-9]+_)*(?:password|passwd|secret|token|api_?key|private_key|credentials?)\b"
)
_SECRET_FILE = re.compile(
    r"(^|/)(\.env(\.(?!example|sample|template|dist)[\w-]+)*|[^/]*\.env|[^/]*\.(pem|key|p12|pfx|jks)"
    r"|id_(rsa|dsa|ecdsa|ed25519|\*)[^/.]*|[._]netrc|\.npmrc|\.pypirc|\.git-credentials|\.pgpass"
    r"|\.docker/config\.json|\.dockerconfigjson|\.aws/credentials|\.kube/config"
    r"|(?:[\w-]+[._-])?credentials\.json)$"
)
# Certificates and public keys are for everybody; `ca-key.pem` is no certificate.
_PUBLIC_FILE = re.compile(
    r"(^|[/._-])(pub|public|(ca|cacerts?|certs?|certificates?|chain|fullchain|bundle|root)"
    r"(?![^/]*(key|priv)))[\w-]*(\.[\w-]+)*\.pem$"
)
_REMOTE = re.compile(r"(https?|git|ftp|ssh)://|[\w.-]+@[\w.-]+:")
_COMMIT = re.compile(r"#[0-9a-f]{40}([0-9a-f]{24})?(:|$)")  # a Git URL that names one
_GETS = r"\b(?:curl|wget)\b"
_AS = r"(?:sudo\s+(?:-\S+\s+)*|env\s+|exec\s+|\w+=\S*\s+)*(?:\S*/)?"
_SH = r"(?:ba|da|z|a|k)?sh\b(?!\s+-c)"
# Without a program of their own these run what they are told; `| python3 -m json.tool` does not.
_OTHER = r"(?:python[\d.]*|perl|ruby|node|php)(?=\s*(?:$|[;&|)\"'\n]|-(?:\s|$)))"
_PIPED = re.compile(
    rf"{_GETS}(?:[^|;&\n]|>&)*(?:\|(?:[^|;&\n]|>&)*)*?\|&?\s*{_AS}(?:{_SH}|{_OTHER})"
)
_INTO = r"(?:\$\(|`)"
_SUBSTITUTED = re.compile(
    r"(?:(?<![\w.-])(?:(?:ba|da|z|a|k)?sh|python[\d.]*|perl|ruby|node|source)|(?<=[\s;&|(])\.)"
    rf"(?:\s+-\S+)*(?:\s+-\w*[ce]\s*[\"']?{_INTO}|\s*<<<\s*[\"']?{_INTO}|\s*<?\s*<\()"
    rf"\s*(?:sudo\s+)?(?:\S*/)?{_GETS}"
    rf"|(?<![\w.-])eval\s+[\"']?{_INTO}\s*(?:sudo\s+)?(?:\S*/)?{_GETS}"
)
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def check(
    name: str,
    text: str,
    *,
    secrets: Collection[str] = (),
    bases: Collection[str] | None = None,
    args: Mapping[str, str] | None = None,
    contexts: Collection[str] = (),
    target: str = "",
) -> Iterator[Finding]:
    """Every finding in a Dockerfile.

    Args:
        name: how messages name it.
        text: its contents.
        secrets: names of variables that are secret.
        bases: FROM references for which this project can make a stand-in; None where it makes none.
        args: build arguments that the build is given; else a default counts.
        contexts: names that the build gives to something else (named contexts).
        target: the stage that is built; the last one where that is not said.
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
    given = args or {}
    everywhere: dict[str, str] = {}  # by each ARG before the first FROM
    here = everywhere
    known = set(contexts)
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
                base = dockerfile.resolved(words[0], everywhere) if words else ""
                if base != "scratch" and not {base, base.lower()} & known:
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
                known.update(filter(None, dockerfile.stages([step])))
                here = {}
            case "COPY" | "ADD":
                yield from _copied(step, tell)
            case "RUN":
                yield from _run(step, secrets, tell)
            case "ENV":
                yield from _declared(step, secrets, tell)
            case "ARG":
                here |= _values(step, given, everywhere | here)
                yield from _declared(step, secrets, tell)
            case "LABEL":
                yield from _labelled(step, tell)
            case "ENTRYPOINT" | "CMD":
                if not step.text.startswith("["):
                    yield tell(
                        "exec-form",
                        step.line,
                        f"{step.name} runs under a shell that keeps signals to itself",
                        f'write {step.name} ["program", "argument"]',
                    )
                yield from _said(step, step.command, tell)
        for source in _sources(step):
            reference = dockerfile.resolved(source, everywhere | here)
            if not {reference, reference.lower()} & known and not is_pinned(reference):
                what = f"{reference} may be another image tomorrow"
                yield tell("digest", step.line, what, _DIGEST)
    yield from _user(steps, target, given, tell)


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


def _user(
    steps: list[Instruction], target: str, args: Mapping[str, str], tell: Tell
) -> Iterator[Finding]:
    """The stage that is built ends as a user by number that is not root, nor of root's group."""
    starts = [n for n, step in enumerate(steps) if step.name == "FROM"]
    names = dockerfile.stages(steps)
    built = names.index(target.lower()) if target and target.lower() in names else len(names) - 1
    ends = [*starts[1:], len(steps)]
    final = steps[starts[built] : ends[built]] if starts else []
    values: dict[str, str] = {}
    for step in (*steps[: starts[0] if starts else 0], *final):
        if step.name == "ARG":
            values |= _values(step, args, values)
    users = [step for step in final if step.name == "USER"]
    if not users:
        line = final[0].line if final else 1
        yield tell("user", line, "the image runs as root", "end with USER 10001:10001")
        return
    user = dockerfile.resolved(users[-1].text, values)
    if not numeric_user(user):
        yield tell(
            "user",
            users[-1].line,
            f"USER {users[-1].text} is root, of root's group, or a name that the base decides",
            "write it by number: USER 10001:10001",
        )


def _copied(step: Instruction, tell: Tell) -> Iterator[Finding]:
    for word in step.arguments[:-1]:
        remote = _REMOTE.match(word)
        if remote and not step.option("checksum") and not _COMMIT.search(word):
            git = "@" in remote[0] or remote[1] in ("git", "ssh") or ".git" in word
            yield tell(
                "download",
                step.line,
                f"{_without_query(word)} may be another file tomorrow",
                "name a commit: #<its 40 hex digits>"
                if git
                else "add --checksum=sha256:<its digest>",
            )
        if not step.option("from") and _SECRET_FILE.search(word) and not _PUBLIC_FILE.search(word):
            yield tell(
                "secret",
                step.line,
                f"{word} stays in a layer of the image",
                "mount it: RUN --mount=type=secret",
            )


def _without_query(url: str) -> str:
    """A URL without what may be a secret in it."""
    return re.sub(r"(?<=://)[^/@]*@", "", url.partition("?")[0])


def _run(step: Instruction, secrets: Collection[str], tell: Tell) -> Iterator[Finding]:
    text = step.command
    plain = _QUOTED.sub("''", text)  # in quotes, `|` and `&` belong to a URL
    if _PIPED.search(text) or _PIPED.search(plain) or _SUBSTITUTED.search(text):
        yield tell(
            "download",
            step.line,
            "a shell runs what the network says",
            "download it, compare its digest, then run it",
        )
    for name, value in plain_secrets.assigned(text):
        if (name in secrets or plain_secrets.secret_name(name)) and plain_secrets.literal(value):
            yield tell(
                "secret",
                step.line,
                f"RUN sets {name}, which stays in the image's history",
                "mount it: RUN --mount=type=secret",
            )
    yield from _said(step, text, tell)
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


def _said(step: Instruction, text: str, tell: Tell) -> Iterator[Finding]:
    """Secrets as they are in what is run."""
    found = [*plain_secrets.flags(plain_secrets.words(text)), *plain_secrets.headers(text)]
    for what in dict.fromkeys(name for name, _ in found):
        yield tell(
            "secret",
            step.line,
            f"{step.name} has {what} with a value, which stays in the image's history",
            "mount it: RUN --mount=type=secret, or hand it over in the environment",
        )


def _labelled(step: Instruction, tell: Tell) -> Iterator[Finding]:
    for word in plain_secrets.words(step.text):
        name, equals, value = word.partition("=")
        if equals and plain_secrets.secret_name(name) and plain_secrets.literal(value):
            yield tell(
                "secret",
                step.line,
                f"LABEL {name} has a value that everybody can read",
                "leave it out",
            )


def _sources(step: Instruction) -> list[str]:
    """The images, stages and contexts that files are taken from, besides stages by number."""
    found = []
    if step.name in ("COPY", "ADD"):
        found = step.options("from")
    elif step.name == "RUN":
        mounts = [mount.split(",") for mount in step.options("mount")]
        found = [f.removeprefix("from=") for mount in mounts for f in mount if f[:5] == "from="]
    return [source for source in found if source and not source.isdigit()]


def _values(
    step: Instruction, given: Mapping[str, str], known: Mapping[str, str]
) -> dict[str, str]:
    """What the variables of an ARG are: as the build is given them, else by their default."""
    own = {n: dockerfile.resolved(v, known) for n, v in dockerfile.defaults(step).items()}
    names = [word.partition("=")[0] for word in step.words]
    from_above = {name: known[name] for name in names if name in known}
    return from_above | own | {name: given[name] for name in names if name in given}


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
