"""Findings in the compose files, from what Compose makes of them and from their own text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from morphops.core.checks import plain_secrets
from morphops.core.checks.service_rules import RULES, Path
from morphops.core.finding import Finding
from morphops.core.yaml_text import YamlText

LITERAL = "literal-secret"
USER_INFO = re.compile(r"://[^/\s:@$]+:[^/\s@$]+@")  # RFC 3986, 3.2.1
_SECRET_NAME = re.compile(
    r"(?i)(.*_)?(token|secret|password|passwd|api_?key|bearer|credentials?|private_key|pat)"
)


def place(sources: Sequence[YamlText], path: Path) -> tuple[str, int]:
    """The file and the line that decide a path of the merged model.

    The last file that has its value, as in Compose; else the first that has the most of it.
    """
    best, line, depth = sources[0].name, 1, -1
    for source in sources:
        found, at = source.find(path)
        decides = found == len(path) and not source.keys(*path)
        if found > depth or (found == depth and decides):
            best, line, depth = source.name, at, found
    return best, line


def services(model: Mapping[str, Any], sources: Sequence[YamlText]) -> Iterator[Finding]:
    """What the services break of the table of rules, one finding for each service.

    Args:
        model: as `docker compose config --format json` renders it.
        sources: the files that it was rendered from, in order.
    """
    for name, service in (model.get("services") or {}).items():
        for rule in RULES:
            for path in rule.broken(service):
                file, line = place(sources, ("services", name, *path))
                yield Finding(file, line, rule.what, rule.remedy, rule.name, (name,))


def refusal(said: Sequence[str], sources: Sequence[YamlText], doing: str) -> Finding:
    """What Compose said when it refused, at the line that it speaks of as far as that is known.

    Args:
        said: its last lines.
        sources: the files.
        doing: what was rendered (`with the profile x`).
    """
    text = " ".join(line.strip() for line in said) or "it did not say why"
    named = re.search(r"(services|networks|volumes|configs|secrets)\.([\w.\[\]-]+)", text)
    service = re.search(r'service "([^"]+)"(?: depends on undefined service "([^"]+)")?', text)
    path: Path = ()
    if named:
        path = (named[1], *named[2].replace("[]", "0").rstrip(".").split("."))
    elif service:
        path = ("services", service[1], *(("depends_on", service[2]) if service[2] else ()))
    file, line = place(sources, path)
    return Finding(file, line, f"Compose refuses it {doing}: {text}", "mend what it names")


def literals(
    model: Mapping[str, Any], sentinels: Mapping[str, str], sources: Sequence[YamlText]
) -> Iterator[Finding]:
    """Secrets that were written into the compose files: they come with every release.

    Args:
        model: rendered with a sentinel as the value of each secret.
        sentinels: variable → its sentinel.
        sources: the files.
    """

    def tell(name: str, path: Path, what: str, remedy: str) -> Finding:
        file, line = place(sources, ("services", name, *path))
        what = f"{what} seems to hold a secret as it is"
        return Finding(file, line, what, remedy, LITERAL, (name,))

    remedy = "let it come by a variable that the env schema calls secret"
    elsewhere = "hand it over in the environment, by a variable that the env schema calls secret"
    for name, service in (model.get("services") or {}).items():
        for path, text in _texts(service):
            by_variable = any(sentinel in text for sentinel in sentinels.values())
            secret = path[0] == "environment" and _SECRET_NAME.fullmatch(path[-1])
            if by_variable or text == path[-1] or not (secret or USER_INFO.search(text)):
                continue
            if text:
                yield tell(name, path, path[-1] if path[0] == "environment" else path[0], remedy)
        for path, what in dict.fromkeys(_handed_over(service, sentinels)):
            yield tell(name, path, what, elsewhere)


def _handed_over(
    service: Mapping[str, Any], sentinels: Mapping[str, str]
) -> Iterator[tuple[Path, str]]:
    """Flags, headers and labels whose value is a secret: where, and how it is called."""

    def own(value: str) -> bool:
        """A value that no variable brought; where one did, `leaks` says so."""
        return not any(sentinel in value for sentinel in sentinels.values())

    health = service.get("healthcheck") or {}
    lists: list[tuple[Path, Any]] = [(("healthcheck", "test"), health.get("test"))]
    lists += [((key,), service.get(key)) for key in ("entrypoint", "command")]
    for path, items in lists:
        texts = [items] if isinstance(items, str) else [str(item) for item in items or ()]
        # A script is one item that has words of its own.
        runs = [(0, texts), *((n, plain_secrets.words(t)) for n, t in enumerate(texts) if " " in t)]
        for number, words in runs:
            for what, value in plain_secrets.flags(words):
                at = next((n for n, word in enumerate(texts) if word.startswith(what)), number)
                if own(value):
                    yield (*path, str(at)), f"{what} in {path[0]}"
        for number, text in enumerate(texts):
            for what, value in plain_secrets.headers(text):
                if own(value):
                    yield (*path, str(number)), f"{what} in {path[0]}"
    for name, value in (service.get("environment") or {}).items():
        text = str(value or "")
        for what, found in (*plain_secrets.flags(text.split()), *plain_secrets.headers(text)):
            if own(found):
                yield ("environment", name), f"{what} in {name}"
    for name, value in (service.get("labels") or {}).items():
        if (
            plain_secrets.secret_name(name)
            and plain_secrets.literal(str(value))
            and own(str(value))
        ):
            yield ("labels", name), f"label {name}"


def leaks(
    model: Mapping[str, Any], sentinels: Mapping[str, str], sources: Sequence[YamlText]
) -> Iterator[Finding]:
    """Secrets that stand where others can read them: a command line, a health check, a label.

    Args:
        model: rendered with a sentinel as the value of each secret.
        sentinels: variable → its sentinel.
        sources: the files.
    """
    for name, service in (model.get("services") or {}).items():
        rest = {key: value for key, value in service.items() if key != "environment"}
        for path, text in _texts(rest):
            for variable, sentinel in sentinels.items():
                if sentinel in text:
                    file, line = place(sources, ("services", name, *path))
                    yield Finding(
                        file,
                        line,
                        f"the secret {variable} stands in {path[0]}, where others can read it",
                        "hand it over in the environment",
                        subjects=(name,),
                    )


def outside(
    model: Mapping[str, Any], sources: Sequence[YamlText], folder: str
) -> Iterator[Finding]:
    """Files of the working tree that the compose files name: a release does not carry them.

    Args:
        model: as it was rendered.
        sources: the files.
        folder: where the bundle lies, absolute.
    """
    named: list[Path] = []
    for source in sources:
        paths: list[Path] = [("include",)]
        for name in source.keys("services"):
            paths += [("services", name, "env_file"), ("services", name, "extends", "file")]
        named += [path for path in paths if source.find(path)[0] == len(path)]
    for kind in ("configs", "secrets"):
        for name, spec in (model.get(kind) or {}).items():
            if _inside(spec.get("file"), folder):
                named.append((kind, name, "file"))
    for name, service in (model.get("services") or {}).items():
        for number, mount in enumerate(service.get("volumes") or ()):
            if mount.get("type") == "bind" and _inside(mount.get("source"), folder):
                named.append(("services", name, "volumes", str(number)))
    for path in named:
        file, line = place(sources, path)
        yield Finding(
            file,
            line,
            f"{'/'.join(path)} is a file of the working tree, and a release does not carry it",
            "put it into an image, write it here, or name a path of the host by a variable",
        )


def _inside(path: Any, folder: str) -> bool:
    return str(path or "").startswith(f"{folder}/")


def project(model: Mapping[str, Any], name: str, sources: Sequence[YamlText]) -> Iterator[Finding]:
    """The project's name in the files and in the bundle."""
    if model.get("name") != name:
        file, line = place(sources, ("name",))
        yield Finding(
            file,
            line,
            f"the project is {model.get('name')!r} here and {name!r} in the bundle, so plain "
            "Compose would start a second stack",
            f"write name: {name}",
        )


def _texts(value: Any, path: Path = ()) -> Iterable[tuple[Path, str]]:
    """Every text in a model, keys included."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, str(key)), str(key)
            yield from _texts(inner, (*path, str(key)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*path, str(number)))
    elif isinstance(value, str):
        yield path, value
