"""In which parts two configurations differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from morphops.core.stack import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsDiff:
    """The names of what differs, sorted.

    Attributes:
        added, removed: variables that only one side has.
        changed: variables that have another value.
        keys: of the configuration, by the names of the compose-spec.
        contents: files that are given: `config app.conf`, `secret token`, `host file /srv/x`.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that differs, in words, but files of the machine."""
        variables = sorted((*self.added, *self.removed, *self.changed))
        files = (name for name in self.contents if not is_host_file(name))
        return (*(f"variable {name}" for name in variables), *self.keys, *files)

    @property
    def host_files(self) -> tuple[str, ...]:
        """The files of the machine that have another content."""
        return tuple(name for name in self.contents if is_host_file(name))


def is_host_file(content: str) -> bool:
    """Whether a content, as `Parts` names it, is a file of the machine that is mounted."""
    return content.startswith("host file ")


def compare(old: Parts, new: Parts) -> PartsDiff:
    """The parts in which they differ; both have to be made with the same key."""
    return PartsDiff(
        added=tuple(sorted(new.variables.keys() - old.variables.keys())),
        removed=tuple(sorted(old.variables.keys() - new.variables.keys())),
        changed=tuple(
            name
            for name in _others(old.variables, new.variables)
            if name in old.variables and name in new.variables
        ),
        keys=_others(old.keys, new.keys),
        contents=_others(old.contents, new.contents),
    )


def comparable(parts: Parts | None, key: str) -> bool:
    """Whether digests that a container remembers were made with this key."""
    return parts is not None and parts.key == key


def _others(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(n for n in old.keys() | new.keys() if old.get(n) != new.get(n)))
