"""Names of registries, repositories and images. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from morphops.core.release.digest import is_digest, parse_image_digest, short
from morphops.errors import InputError


def is_loopback(registry: str) -> bool:
    """Whether a registry's `host[:port]` is this machine, where Docker speaks plain HTTP."""
    host = registry.rpartition(":")[0] if not registry.endswith("]") else registry
    host = (host or registry).strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# github.com/distribution/reference, "domain"; its brackets hold an IPv6 address.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"

_ADDRESS = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::([0-9]+))?")


def registry_fault(text: str) -> str:
    """What is wrong with the address of a registry; empty where it is `host[:port]`.

    The grammar is that of Docker's references: with another one no image could ever be pulled.
    """
    if "://" in text:
        return "must be host[:port]; leave https:// out"
    if "@" in text:
        return "must be host[:port]; credentials come by `docker login`"
    if "/" in text:
        return "must be host[:port]; a path belongs into `repository` and `releases`"
    found = _ADDRESS.fullmatch(text)
    if not found:
        return "must be host[:port]; write it as registry.example:5000"
    if found[1] and not 0 < int(found[1]) <= 65535:
        return "must be host[:port]; a port is 1 to 65535"
    return ""


# OCI distribution-spec v1.1: a name is path components; a host may carry a port.
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"

_REPOSITORY = re.compile(rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*")

# Where Docker Hub answers, and how images name it.
HUB = "registry-1.docker.io"

_HUB_NAMES = ("docker.io", "index.docker.io")


def is_repository(text: str) -> bool:
    """Whether the text is the name of a repository, without the registry's host.

    OCI distribution-spec v1.1, "Pulling manifests"; Docker's limit of 255 characters.
    """
    return len(text) <= 255 and re.fullmatch(rf"{_PART}(?:/{_PART})*", text) is not None


def is_pinned(reference: str) -> bool:
    """Whether an image reference ends in a digest; a tag before it does not matter."""
    name, _, digest = reference.rpartition("@")
    return bool(name) and not re.search(r"[@\s]", name) and is_digest(digest)


@dataclass(frozen=True, slots=True, order=True)
class ImageRef:
    """`repository@sha256:<64 hex>`; the repository includes the registry's host."""

    repository: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> ImageRef:
        """Read `repository@sha256:…`.

        Raises:
            InputError: there is a tag, no digest, or the repository is malformed.
        """
        repository, at, digest = text.partition("@")
        if not at:
            raise InputError(
                f"{text!r} names no digest: images are deployed as repository@sha256:<64 hex>"
            )
        # `name:tag@digest` is legal for Docker, but the tag says something that is not checked.
        if not _REPOSITORY.fullmatch(repository):
            raise InputError(f"malformed repository {repository!r} in {text!r}")
        return cls(repository, parse_image_digest(digest))

    @property
    def host(self) -> str:
        """`host[:port]` of the registry to ask; Docker's short names are Docker Hub's."""
        return self._where[0]

    @property
    def path(self) -> str:
        """The repository as that registry calls it."""
        return self._where[1]

    @property
    def _where(self) -> tuple[str, str]:
        first, slash, rest = self.repository.partition("/")
        if slash and first not in _HUB_NAMES and (set(".:") & set(first) or first == "localhost"):
            return first, rest
        path = rest if slash and first in _HUB_NAMES else self.repository
        return HUB, path if "/" in path else f"library/{path}"

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


def local_tag(project: str, image: str, release: str) -> str:
    """The local tag that names an image after a release that needs it.

    An image without a tag is dangling, and anybody's cleanup removes it.
    """
    return f"{local_prefix(project)}{image}:{short(release)}"


def local_prefix(project: str) -> str:
    """What every local tag of a project begins with."""
    return f"morphops/{project}/"
