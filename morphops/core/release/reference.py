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

_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?"

_REPOSITORY = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*")

# github.com/distribution/reference: name[:tag]@digest
_TAGGED = re.compile(r"(?P<name>.+):(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})")

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
        """Read `repository@sha256:…`; of `repository:tag@sha256:…` the digest counts.

        Raises:
            InputError: there is no digest, or the repository is malformed.
        """
        repository, at, digest = text.partition("@")
        if not at:
            raise InputError(
                f"{text!r} names no digest: images are deployed as repository@sha256:<64 hex>"
            )
        if tag := tag_of(text):
            repository = repository.removesuffix(f":{tag}")
        if not _REPOSITORY.fullmatch(repository):
            why = "leave http:// out: " if "://" in repository else ""
            raise InputError(
                f"malformed repository {repository!r} in {text!r}",
                state="nothing was changed",
                hint=f"{why}write it as registry.example:5000/shop/api@sha256:<64 hex>",
            )
        return cls(repository, parse_image_digest(digest))

    @property
    def host(self) -> str:
        """`host[:port]` of the registry to ask; Docker's short names are Docker Hub's."""
        return _place(self.repository)[0]

    @property
    def path(self) -> str:
        """The repository as that registry calls it."""
        return _place(self.repository)[1]

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class SourceRef:
    """An image as a compose file names it: `postgres:16`, `ghcr.io/x/y`, `nginx@sha256:…`.

    Attributes:
        repository: as Docker writes it; of Docker Hub without its host and without `library/`.
        tag: `latest` where nothing is said; empty where a digest is said.
        digest: empty where a tag decides.
    """

    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> SourceRef:
        """Read it (github.com/distribution/reference, "normalize").

        Raises:
            InputError: it is not the name of an image.
        """
        if fault := source_fault(text):
            raise InputError(f"{text!r} {fault}", state="nothing was changed")
        name, _, digest = text.partition("@")
        tag = tag_of(name)
        repository = familiar(name.removesuffix(f":{tag}") if tag else name)
        return cls(repository, "" if digest else tag or "latest", digest)

    @property
    def host(self) -> str:
        """See `ImageRef.host`."""
        return _place(self.repository)[0]

    @property
    def path(self) -> str:
        """See `ImageRef.path`."""
        return _place(self.repository)[1]

    def __str__(self) -> str:
        return self.repository + (f"@{self.digest}" if self.digest else f":{self.tag}")


def _place(repository: str) -> tuple[str, str]:
    """The host of the registry that has a repository, and how that registry calls it."""
    first, slash, rest = repository.partition("/")
    if slash and first not in _HUB_NAMES and (set(".:") & set(first) or first == "localhost"):
        return first, rest
    path = rest if slash and first in _HUB_NAMES else repository
    return HUB, path if "/" in path else f"library/{path}"


def source_fault(text: str) -> str:
    """What is wrong with the name of an image; empty where it can be asked for."""
    name, at, digest = text.partition("@")
    if at and not is_digest(digest):
        return "has no digest behind the @: write sha256: and 64 hex digits"
    tag = tag_of(name)
    if not _REPOSITORY.fullmatch(name.removesuffix(f":{tag}") if tag else name):
        return "is not the name of an image; write it as postgres:16 or ghcr.io/shop/api:1"
    return ""


def familiar(repository: str) -> str:
    """A repository as Docker writes it: Docker Hub's without the host and without `library/`."""
    first, slash, rest = repository.partition("/")
    name = rest if slash and first in _HUB_NAMES else repository
    return name.removeprefix("library/") if name != repository or first == "library" else name


def tag_of(text: str) -> str:
    """The tag in `repository:tag@sha256:…`, which says nothing there; empty where there is none."""
    found = _TAGGED.fullmatch(text.partition("@")[0])
    # What follows a colon may be the port of a registry, with a repository behind it.
    return found["tag"] if found and _REPOSITORY.fullmatch(found["name"]) else ""


@dataclass(frozen=True, slots=True)
class Hold:
    """That a release of a project needs an image, as a local tag of the image says it.

    Attributes:
        project: whose release it is.
        release: the shortened digest of the release.
    """

    project: str
    release: str


def hold_tag(project: str, image: ImageRef, release: str) -> str:
    """The local tag that names an image after a release that needs it.

    An image without a tag is dangling, and anybody's cleanup removes it. The tag stands in the
    image's own repository: the containerd image store finds `repository@digest` only where a name
    of that repository points at the digest.
    """
    return f"{image.repository}:morphops-{project}-{short(release)}"


def hold_of(reference: str) -> Hold | None:
    """What a local tag says if it is one that `hold_tag` made, now or in an earlier version.

    Earlier versions wrote `morphops/<project>/<image>:<release>`.
    """
    if "@" in reference:  # a digest; the containerd store lists one for each repository with a tag
        return None
    repository, _, tag = reference.rpartition(":")
    if found := re.fullmatch(r"morphops-(.+)-([0-9a-f]{12})", tag):
        return Hold(found[1], found[2])
    if found := re.fullmatch(r"morphops/([^/]+)/[^/]+", repository):
        return Hold(found[1], tag)
    return None


def repository_of(reference: str) -> str:
    """The repository of `repository:tag` or `repository@digest`."""
    name, at, _ = reference.partition("@")
    return name if at else reference.rpartition(":")[0]
