"""Use case: check images as they are built, by looking into them and starting them once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from morphops.adapters.store import text_file
from morphops.core.bundle.schema import ImageSpec
from morphops.core.checks import image_rules
from morphops.core.finding import Finding
from morphops.core.history import operations
from morphops.core.requests import RunRequest
from morphops.core.results.check import of_findings
from morphops.core.results.image import ImageCheck
from morphops.core.yaml_text import YamlText
from morphops.errors import EngineCallFailed, EngineUnavailable, InputError, PreconditionError
from morphops.operations.env.schema import read_schema
from morphops.operations.release import create, find
from morphops.site import BUNDLE, Site

_LIMIT = 60.0  # seconds that an image has for its check


def check(site: Site, images: Sequence[str] = ()) -> ImageCheck:
    """Check the images of a release, or of the last build. Exit code 2 with findings.

    Args:
        site: where.
        images: see `releases.resolve`; empty for the last build, else the release of record.

    Raises:
        PreconditionError: nothing was named, built or deployed here.
        EngineUnavailable, EngineCallFailed: an image cannot be had.
    """
    refs = _references(site, images)
    found = [finding for name, ref in refs.items() for finding in _findings(site, name, ref)]
    return ImageCheck(
        state="findings" if found else "ok",
        exit=InputError.EXIT if found else 0,
        findings=of_findings(found),
        next="inv build, then inv image.check" if found else "",
        images=dict(refs),
    )


def _references(site: Site, images: Sequence[str]) -> Mapping[str, str]:
    built = create.last_build(site)
    if built and not images:
        return {name: ref for name, ref in built.items() if name in site.bundle.images}
    if not images and operations.deployment_of_record(site.history.past()) is None:
        raise PreconditionError(
            "there is no build and no release of record here, so it is not known what to check",
            state="nothing was changed",
            hint="inv build, or inv image.check --image=sha256:<release>",
        )
    release = find.resolve(site, images, store=False) if images else find.current(site)
    return {image.name: str(image.ref) for image in release.images}


def _findings(site: Site, name: str, ref: str) -> Iterator[Finding]:
    spec = site.bundle.images.get(name)
    if spec is None:  # of a release of another bundle
        return
    site.observer.note(f"{name}: {ref}")
    schema = read_schema(site)
    path = site.folder / BUNDLE
    text = YamlText(site.shown(path), text_file.read(path, site.shown(path)))
    image = image_rules.Image(
        name=name,
        spec=spec,
        facts=_facts(site, spec, ref),
        owned=schema.variables,
        secrets=[variable for variable, about in schema.variables.items() if about.secret],
    )
    yield from image_rules.check(image, text.locate(("images", name)))


def _facts(site: Site, spec: ImageSpec, ref: str) -> image_rules.Facts:
    stalled_after = site.bundle.pull.stalled_after
    own = site.platform.images.image_facts(ref, site.observer.note, stalled_after=stalled_after)
    failed, refused = _tried(site, spec, ref)
    return image_rules.Facts(
        user=own.user,
        variables=own.variables,
        layers=own.layers,
        failed=failed,
        refused=refused,
    )


def _tried(site: Site, spec: ImageSpec, ref: str) -> tuple[bool, tuple[str, ...]]:
    """Whether the image's `check` failed, and the last lines of what it wrote then."""
    if not spec.check:
        return False, ()
    try:
        doing = f"run {ref} {' '.join(spec.check)}"
        request = RunRequest(image=ref, command=tuple(spec.check), doing=doing, limit=_LIMIT)
        site.platform.workloads.run_once(request)
    except EngineUnavailable:
        raise
    except EngineCallFailed as err:
        return True, err.detail
    return False, ()
