"""What the tasks of the group `env` come to; no value of a variable is in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from morphops.core.results.base import Result
from morphops.core.results.check import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvTemplates(Result):
    """Which generated files were written.

    Attributes:
        state: `written` or `as before`.
        exit: 0.
        written: paths of the files that differed from the env schema.
    """

    state: Literal["written", "as before"]
    written: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvCreated(Result):
    """A new env file.

    Attributes:
        state: `made`.
        exit: 0.
        path: of the file.
        template: the only template whose part it holds; empty: the whole.
        encrypted: whether it is.
        made: names of the variables that were generated.
        taken: names of the variables that were taken over from the other file.
        left: what a person must fill in: name → what it is.
    """

    state: Literal["made"] = "made"
    path: str
    template: str
    encrypted: bool
    made: tuple[str, ...]
    taken: tuple[str, ...]
    left: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvCheck(Check):
    """What is wrong with an env file.

    Attributes:
        state: `ok` or `findings`.
        exit: 0, or 2 with findings.
        findings: what is wrong; no value is shown.
        next: what to type next; empty without findings.
        env_file: its path.
        encrypted: whether it is.
        variables: how many it holds.
    """

    state: Literal["ok", "findings"]
    env_file: str
    encrypted: bool
    variables: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableSource:
    """Where the value of a variable comes from.

    Attributes:
        name: of the variable.
        source: the file and line, `default`, the release or a document; or `not set`.
        secret: whether the schema says so.
        fingerprint: keyed, of its value; the key is the state folder's own. Empty without a value.
    """

    name: str
    source: str
    secret: bool = False
    fingerprint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSources(Result):
    """Where each value of an env file comes from.

    Attributes:
        state: `ok`.
        exit: 0.
        env_file: its path.
        encrypted: whether it is.
        variables: in the order of the schema, then the others.
    """

    state: Literal["ok"] = "ok"
    env_file: str
    encrypted: bool
    variables: tuple[VariableSource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvEdited(Result):
    """An env file that was open in an editor.

    Attributes:
        state: `changed` or `as before`.
        exit: 0.
        env_file: its path.
        template: as it was given.
        encrypted: whether the file is.
        changed: whether it was saved with another text.
    """

    state: Literal["changed", "as before"]
    env_file: str
    template: str
    encrypted: bool
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvIdentity(Result):
    """The age identity here.

    Attributes:
        state: `made` or `as before`.
        exit: 0.
        identity: its path.
        recipients: what others encrypt to.
    """

    state: Literal["made", "as before"]
    identity: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvEncrypted(Result):
    """What is encrypted now, and for whom.

    Attributes:
        state: `encrypted`.
        exit: 0.
        env_file: the path of the encrypted file.
        removed: the path of the plain file; empty where there was none.
        recipients: who can read it.
        deployments: numbers of the deployments whose values are encrypted now.
        left: numbers of the deployments whose values no identity here can read.
        leftovers: what killed commands had left, and is removed now.
        leftovers_left: the same, which could not be removed; plain values may stand in it.
    """

    state: Literal["encrypted"] = "encrypted"
    env_file: str
    removed: str
    recipients: tuple[str, ...]
    deployments: tuple[int, ...]
    left: tuple[int, ...]
    leftovers: tuple[str, ...] = ()
    leftovers_left: tuple[str, ...] = ()
