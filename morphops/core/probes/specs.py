"""The kinds of probes, as a bundle describes them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """A file beside a document is what the document says, byte for byte.

    Attributes:
        document: the document's name.
        file: JMESPath → the file's name, relative to the document's folder.
        bytes: JMESPath → its size.
        sha256: JMESPath → its SHA-256 in hex.
    """

    kind: Literal["checksum"]
    document: str
    file: str
    bytes: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """Several documents say the same.

    Attributes:
        documents: two or more names.
        fields: label → JMESPath, evaluated on each of them.
    """

    kind: Literal["same"]
    documents: tuple[str, ...]
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agree:
    """Several services answer alike, several times in a row, and as a document says.

    Attributes:
        services: who is asked; `url` is fetched from inside of each.
        url: answers JSON.
        fields: label → JMESPath; all services must give equal values.
        document: the document to compare with, if any.
        matches: label of `fields` → JMESPath into the document.
        show: labels that `status` shows.
        reads: how many equal reads in a row count as stable.
        deadline, interval: seconds.
    """

    kind: Literal["agree"]
    services: tuple[str, ...]
    url: str
    fields: Mapping[str, str]
    document: str = ""
    matches: Mapping[str, str] = field(default_factory=dict)
    show: tuple[str, ...] = ()
    reads: int = 3
    deadline: float = 30.0
    interval: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A JSON-RPC request made from a row of a document, and the answer that is right.

    Attributes:
        name: what is asked (`balance`).
        when: JMESPath on the row; the question is asked where it is true.
        method: the JSON-RPC method.
        params: its parameters; a text `{…}` is a JMESPath into the row.
        expect: JMESPath into the row: the right result.
    """

    name: str
    method: str
    params: tuple[Any, ...]
    expect: str
    when: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Known questions are answered right through a published port.

    Attributes:
        service, port: the published container port that is asked over HTTP.
        path: the URL's path.
        document: the document that holds the known rows.
        rows: JMESPath → a list of rows.
        questions: asked of each row where they apply.
        at_least: with fewer questions than this the probe does not count as passed.
        timeout: seconds for one question.
        deadline, interval: seconds.
    """

    kind: Literal["answers"]
    service: str
    port: int
    document: str
    rows: str
    questions: tuple[Question, ...]
    path: str = "/"
    at_least: int = 20
    timeout: float = 10.0
    deadline: float = 60.0
    interval: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """A published port answers a GET as expected.

    Attributes:
        service, port: the published container port.
        path: the URL's path.
        status: the status code.
        expect: JMESPath on the JSON body that must be true; none: the body does not matter.
        deadline, interval: seconds.
    """

    kind: Literal["http"]
    service: str
    port: int
    path: str = "/"
    status: int = 200
    expect: str = ""
    deadline: float = 30.0
    interval: float = 0.5


def param_expression(param: Any) -> str:
    """The JMESPath of a parameter that is written `{…}`; empty for one that stands for itself."""
    if isinstance(param, str) and param.startswith("{") and param.endswith("}"):
        return param[1:-1]
    return ""


Probe: TypeAlias = Checksum | Same | Agree | Answers | Http

PROBES: Mapping[str, type[Probe]] = {
    "checksum": Checksum,
    "same": Same,
    "agree": Agree,
    "answers": Answers,
    "http": Http,
}

# These look at files only, so they can run before the first container is touched.
OFFLINE_PROBES = (Checksum, Same)
