"""What stands beside the compose files, and where it lies when a release runs. Pure.

A service may mount content that the release carries, data of the machine, or a source folder that
is left out. Content lies at a place that its digest names, so the same content has the same place
in every release. A service is replaced where its content changed, and only there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import Literal, TypeAlias

from morphops.core.bundle.schema import ComposeSpec
from morphops.core.release.digest import canonical_json, digest_of
from morphops.core.release.release import Release

Kind: TypeAlias = Literal["carried", "data", "left out"]


@dataclass(frozen=True, slots=True)
class Tree:
    """A file or a folder that a release carries.

    Attributes:
        path: relative to the bundle's folder.
        files: path below the folder that it stands in → bytes.
        executable: those of them that may be executed.
    """

    path: str
    files: Mapping[str, bytes]
    executable: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What it is called in the folder that it stands in."""
        return basename(self.path)

    @property
    def digest(self) -> str:
        """The SHA-256 of names, bytes and modes."""
        return digest_of_files(self.files, self.executable)


def digest_of_files(files: Mapping[str, bytes], executable: Collection[str]) -> str:
    """The SHA-256 of some files: names, bytes, and whether each may be executed."""
    rows = {name: [digest_of(data), name in executable] for name, data in files.items()}
    return digest_of(canonical_json(rows))


def tree_of(release: Release, path: str) -> Tree | None:
    """What a release carries at a path; None where there is nothing.

    Args:
        release: whose files.
        path: of a file or a folder, relative to the bundle's folder.
    """
    above = f"{dirname(path)}/" if dirname(path) else ""
    names = [name for name in release.files if covers(path, name)]
    if not names:
        return None
    return Tree(
        path,
        {name.removeprefix(above): release.files[name] for name in names},
        frozenset(n.removeprefix(above) for n in names if n in release.executable),
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where something beside the compose files lies.

    Attributes:
        kind: `carried` by the release, `data` of the machine, or `left out`.
        path: relative to the bundle's folder.
        where: absolute; empty where it is left out.
    """

    kind: Kind
    path: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Places:
    """Knows the place of each path.

    Attributes:
        spec: what the bundle says.
        release: what it carries.
        folder: absolute; what the data is relative to.
        store: absolute; where the copies of what is carried lie.
    """

    spec: ComposeSpec
    release: Release
    folder: str
    store: str

    def of(self, path: str) -> Place | None:
        """The place of a path that is relative to the bundle's folder.

        Returns:
            None where the bundle does not name it, or the release does not have it.
        """
        kind = kind_of(self.spec, path)
        if kind == "data":
            return Place(kind, path, normpath(join(self.folder, path)))
        if kind == "left out":
            return Place(kind, path)
        tree = tree_of(self.release, path) if kind == "carried" else None
        return Place("carried", path, place_of(tree, self.store)) if tree else None


def place_of(tree: Tree, store: str) -> str:
    """Where the copy of a tree lies in a folder of copies."""
    return f"{store}/{tree.digest.removeprefix('sha256:')}/{tree.name}"


def kind_of(spec: ComposeSpec, path: str) -> Kind | None:
    """In which of its lists a bundle names a path, or a folder around it; the closest one counts.

    Args:
        spec: what the bundle says.
        path: relative to the bundle's folder, without anything that says nothing.
    """
    lists: tuple[tuple[Kind, Iterable[str]], ...] = (
        ("carried", spec.carries),
        ("data", spec.data),
        ("left out", spec.leaves),
    )
    named = [(len(e), kind) for kind, entries in lists for e in entries if covers(e, path)]
    return max(named)[1] if named else None


def covers(folder: str, path: str) -> bool:
    """Whether a path is another one, or lies below it; both relative to the same folder."""
    if folder == path:
        return True
    rest = path if folder == "." else path.removeprefix(f"{folder}/")
    return (rest != path or folder == ".") and not f"{rest}/".startswith("../")


def names_any(spec: ComposeSpec) -> bool:
    """Whether a bundle says anything of what stands beside its compose files."""
    return bool(spec.carries or spec.data or spec.leaves)
