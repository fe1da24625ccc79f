"""What does not change from release to release: the bundle, as frozen values.

The field names are the keys of `bundle.yaml`, and an unknown key is refused with its path. Texts
marked *JMESPath* are JMESPath expressions (jmespath.org). Where a section says something of another
one, its `findings` say what is wrong with that: each is `key: what`, below the section.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from morphops.core.bundle.moments import Hook, Moment, Notify
from morphops.core.env.encryption import RECIPIENT
from morphops.core.jmespath import syntax_error
from morphops.core.probes.specs import Probe
from morphops.core.release.reference import SourceRef, source_fault
from morphops.core.schema import NAME, more_than_zero, not_negative

# `{NAME}` in a document's path.
FIELD = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

_FLAG = re.compile(r"--?[A-Za-z0-9][A-Za-z0-9_-]*(=\S+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """One image of the stack.

    It has a `repository` or a `source`, and a `variable` or `services`.

    Attributes:
        repository: its repository below the bundle's registry (`shop/api`).
        source: of an image of another registry, its name as the compose files have it
            (`postgres:16`). It is resolved to a digest for each release, and never pushed.
        variable: the variable by which the compose files name it.
        services: the services whose `image:` the release sets to it.
        target: the bake target that builds it, or without a bake file the service whose `build:`
            does; none for an image that is only mirrored.
        user: the uid that it must run as; 0 for any but root.
        check: arguments with which it must end well on a read-only root (`[--help]`).
    """

    repository: str = ""
    source: str = ""
    variable: str = ""
    services: tuple[str, ...] = ()
    target: str = ""
    user: int = 0
    check: tuple[str, ...] = ()

    def findings(self) -> list[str]:
        """What is wrong with it."""
        said = []
        if bool(self.repository) == bool(self.source):
            said.append("repository: name a repository of your registry, or a source; one of them")
        if bool(self.variable) == bool(self.services):
            said.append("variable: name the variable that the compose files use, or services")
        if self.source and (fault := source_fault(self.source)):
            said.append(f"source: {self.source!r} {fault}")
        if self.source and self.target:
            said.append("target: what is built here has a repository, and no source")
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryLimits:
    """How much a release may carry for its services: what is larger belongs into an image.

    Attributes:
        file: bytes of one file.
        total: bytes of all of them.
    """

    file: int = 1 << 20
    total: int = 8 << 20

    def findings(self) -> list[str]:
        """What is wrong with it."""
        return more_than_zero(file=self.file, total=self.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeSpec:
    """The compose files, relative to the bundle's folder.

    The files and folders beside them that services mount stand in one of three lists. Their paths
    are relative to the bundle's folder.

    Attributes:
        files: always used, in this order.
        profiles: profile → the override files that come with it. A profile is switched on by
            `COMPOSE_PROFILES` in the env file, as plain Compose has it.
        carries: content that the release carries; services mount the release's own copy.
        data: what belongs to the machine: it stays where it is, and is never carried or removed.
        leaves: what a release leaves out: nothing is mounted there (a source folder).
        values: an `env_file` that is not carried → the variables that it sets. The services get
            those from the env file of a deploy, so they stand in the env schema.
        folder: absolute; what `data` is relative to. Empty for the bundle's folder, as it was at
            the first deploy on a machine.
        limits: how much may be carried.
    """

    files: tuple[str, ...]
    profiles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    carries: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: str = ""
    limits: CarryLimits = field(default_factory=CarryLimits)

    def findings(self) -> list[str]:
        """What is wrong with what it says of the files beside them."""
        lists = {"carries": self.carries, "data": self.data, "leaves": self.leaves}
        found, where = [], dict[str, str]()
        for key, paths in lists.items():
            for place, path in enumerate(paths):
                if path.startswith("/") or not path:
                    found.append(f"{key}/{place}: {path!r} is not relative to the bundle's folder")
                elif path in where:
                    found.append(f"{key}/{place}: {path} stands in {where[path]} already")
                where[path] = key
        found += [
            f"values/{path}: {path} stands in {where[path]} already"
            for path in self.values
            if path in where
        ]
        if self.folder and not self.folder.startswith("/"):
            found.append(f"folder: {self.folder!r} is not an absolute path")
        return [*found, *(f"limits/{finding}" for finding in self.limits.findings())]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvSpec:
    """Where values come from.

    Attributes:
        file: default env file; relative to the bundle's folder, `{state}` is the state folder.
        schema: the env schema, relative to the bundle's folder.
        recipients: who can read what is encrypted here, besides the person who encrypts (`age1…`).
    """

    file: str
    schema: str
    recipients: tuple[str, ...] = ()

    def findings(self) -> list[str]:
        """What is wrong with it."""
        return [
            f"recipients/{place}: {text!r} is not an age recipient: age1 and 58 characters"
            for place, text in enumerate(self.recipients)
            if not RECIPIENT.fullmatch(text)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A JSON file on the host that decides some of the variables (a data set's manifest).

    Attributes:
        path: where it lies; `{NAME}` is replaced by the env file's value of NAME.
        provides: variable → JMESPath into the document.
    """

    path: str
    provides: Mapping[str, str] = field(default_factory=dict)

    def findings(self) -> list[str]:
        """What is wrong with it."""
        braces = re.search(r"[{}]", FIELD.sub("", self.path))
        return [
            *(["path: braces hold the name of a variable: {NAME}"] if braces else []),
            *(
                f"provides/{variable}: {why}"
                for variable, expression in self.provides.items()
                if (why := syntax_error(expression))
            ),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Services that are started together, and what must be ready before the next wave.

    Attributes:
        services: names of the compose file; one that no profile switches on is left out.
        probes: names of probes.
        deadline: seconds for all of them to become healthy.
    """

    services: tuple[str, ...]
    probes: tuple[str, ...] = ()
    deadline: float = 120.0

    def findings(self, bundle: Bundle) -> list[str]:
        """What is wrong with it beside the bundle's probes."""
        return [
            *not_negative(deadline=self.deadline),
            *(
                f"probes/{place}: no such probe {probe!r}"
                for place, probe in enumerate(self.probes)
                if probe not in bundle.probes
            ),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSpec:
    """How the images are made from source.

    Attributes:
        file: the Buildx bake file, relative to the bundle's folder.
        context: the folder that the bake file's contexts are relative to.
        bases: recipes of base images for machines that reach no public registry.
    """

    file: str
    context: str = "."
    bases: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullSpec:
    """How images and releases are fetched.

    Attributes:
        stalled_after: seconds without a byte after which a pull is given up.
    """

    stalled_after: float = 120.0

    def findings(self) -> list[str]:
        """What is wrong with it."""
        return more_than_zero(stalled_after=self.stalled_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What `prune` leaves.

    Attributes:
        keep: how many of the last healthy releases stay, the one of record included.
    """

    keep: int = 3

    def findings(self) -> list[str]:
        """What is wrong with it."""
        few = "keep: write 1 or more, or there is nothing to roll back to"
        return [few] if self.keep < 1 else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What must never stand on a service's command line, unless an approval is recorded.

    Attributes:
        service: whose.
        forbids: the flags, each as it is written (`--fallback`), with whatever value; or with the
            one that its value begins with (`--to=http://a`).
        why: what is lost when it is broken.
    """

    service: str
    forbids: tuple[str, ...]
    why: str

    def findings(self, name: str, bundle: Bundle) -> list[str]:
        """What is wrong with it beside the bundle's waves.

        Args:
            name: its own.
            bundle: that it stands in.
        """
        findings = []
        if not NAME.fullmatch(name):
            findings.append("name: a-z, 0-9 and -, since it is typed")
        if self.service not in bundle.services:
            findings.append(f"service: {self.service!r} is in no wave; name one that is")
        if not self.forbids:
            findings.append("forbids: names no flag, so nothing is forbidden")
        findings += [
            f"forbids/{place}: {flag!r} is not a flag: write --name, or --name=value"
            for place, flag in enumerate(self.forbids)
            if not _FLAG.fullmatch(flag)
        ]
        if not self.why:
            findings.append("why: say what is lost when it is broken")
        return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A rule of `bundle.check` that one service, or one Dockerfile, may break.

    Attributes:
        rule: its name, as a finding shows it in brackets.
        subject: the service, or the Dockerfile's name.
        reason: why that is all right here.
    """

    rule: str
    subject: str
    reason: str

    def findings(self) -> list[str]:
        """What is wrong with it."""
        return [] if self.reason else ["reason: say why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """A service that stays when what it depends on is replaced.

    Attributes:
        service: whose.
        because: why its answers cannot come from what ran before.
    """

    service: str
    because: str

    def findings(self, bundle: Bundle) -> list[str]:
        """What is wrong with it beside the bundle's waves."""
        known = self.service in bundle.services
        return [
            *([] if known else [f"service: {self.service!r} is in no wave; name one that is"]),
            *([] if self.because.strip() else ["because: say why it may stay"]),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A service that does something once, and ends: a migration.

    Attributes:
        run: `once` for each image, configuration and values; `always` in each deploy.
        deadline: seconds in which it has to end.
        repeatable: whether it may run once more where it was killed in the middle.
        reversible: whether the release before works with what it did.
        undo: a service that takes back what it did; it is in no wave, and runs for a rollback.
    """

    run: Literal["once", "always"] = "once"
    deadline: float = 600.0
    repeatable: bool = False
    reversible: bool = False
    undo: str = ""

    def findings(self, service: str, bundle: Bundle) -> list[str]:
        """What is wrong with it beside the bundle's waves.

        Args:
            service: whose job it is.
            bundle: that it stands in.
        """
        findings = more_than_zero(deadline=self.deadline)
        if service not in bundle.services:
            findings.append("service: is in no wave; put it in the one in which it is to run")
        if self.undo in bundle.services:
            findings.append(f"undo: {self.undo!r} is in a wave, so each deploy would run it")
        if self.undo and self.reversible:
            findings.append("undo: reversible: true says that nothing is taken back; remove one")
        return findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The whole of `bundle.yaml`.

    Attributes:
        schema: the format's version.
        project: the name of the stack on an engine.
        registry: `host[:port]` of the registry that this project owns.
        releases: repository of the releases in it.
        images, compose, env, documents, probes, build: see their classes.
        runbooks: the folder of the runbooks, relative to the bundle's folder.
        checks: probes that must pass before the first container is touched.
        waves: what is started when, in order.
        platform: what the images must be for (`linux/arm64`); empty for that of the engine.
        settle: seconds after the last probe in which every service has to pass its health check
            once more. A service whose checks are further apart is not waited for.
        pull: how images and releases are fetched.
        retention: what `prune` leaves.
        hooks: executables, by the moment at which they are run; of the working tree.
        notify: a webhook, of the working tree like the hooks.
        invariants: by name; checked before anything is touched, and on what runs.
        keeps: services that stay when what they depend on is replaced, and why.
        jobs: service → how it is run to its end. One whose end another service waits for
            (`service_completed_successfully`) is a job without being named.
        accept: rules of `bundle.check` that do not hold here, and why.
    """

    schema: Literal[1]
    project: str
    registry: str
    releases: str
    images: Mapping[str, ImageSpec]
    compose: ComposeSpec
    env: EnvSpec
    waves: tuple[Wave, ...]
    documents: Mapping[str, Document] = field(default_factory=dict)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    build: BuildSpec | None = None
    runbooks: str = "../runbooks"
    platform: str = ""
    settle: float = 15.0
    pull: PullSpec = field(default_factory=PullSpec)
    retention: Retention = field(default_factory=Retention)
    hooks: Mapping[Moment, Hook] = field(default_factory=dict)
    notify: Notify | None = None
    invariants: Mapping[str, Invariant] = field(default_factory=dict)
    keeps: tuple[Keep, ...] = ()
    jobs: Mapping[str, Job] = field(default_factory=dict)
    accept: tuple[Acceptance, ...] = ()

    @property
    def services(self) -> frozenset[str]:
        """The services that are in a wave."""
        return frozenset(service for wave in self.waves for service in wave.services)

    def files(self) -> tuple[str, ...]:
        """Every compose file, the overrides of all profiles included, each once, in order."""
        names = list(self.compose.files)
        for overrides in self.compose.profiles.values():
            names += overrides
        return tuple(dict.fromkeys(names))

    def compose_files(self, profiles: tuple[str, ...]) -> tuple[str, ...]:
        """The compose files for a set of active profiles."""
        names = list(self.compose.files)
        for profile in profiles:
            names += self.compose.profiles.get(profile, ())
        return tuple(dict.fromkeys(names))

    @property
    def pinned(self) -> frozenset[str]:
        """The services whose image a release sets."""
        return frozenset(name for spec in self.images.values() for name in spec.services)

    @property
    def image_variables(self) -> Mapping[str, str]:
        """Variable → the image that it names, of those that the compose files name by one."""
        return {image.variable: name for name, image in self.images.items() if image.variable}

    def repository(self, image: str) -> str:
        """An image's full repository, with the registry's host; of a source as Docker writes it."""
        spec = self.images[image]
        if spec.source:
            return SourceRef.parse(spec.source).repository
        return f"{self.registry}/{spec.repository}"

    @property
    def own_repositories(self) -> frozenset[str]:
        """The full repositories of the images that are the bundle's own."""
        return frozenset(self.repository(n) for n, spec in self.images.items() if spec.repository)

    def owns(self, repository: str) -> bool:
        """Whether the bundle declares this full repository as its own."""
        return repository in self.own_repositories | {f"{self.registry}/{self.releases}"}
