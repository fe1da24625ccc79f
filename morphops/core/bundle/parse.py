"""YAML text → bundle. Every error names its file and the path in it. Pure."""

from __future__ import annotations

import dataclasses
import functools
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from morphops.core.bundle.schema import Bundle
from morphops.core.bundle.validate import cross_findings
from morphops.core.probes.specs import PROBES, Probe
from morphops.core.schema import read_mapping, refusal, validate_mapping
from morphops.core.yaml_text import YamlText
from morphops.errors import ConfigError


def parse_bundle(text: str, source: str) -> Bundle:
    """A bundle from YAML text.

    Args:
        text: the document.
        source: how to name it in errors.

    Raises:
        ConfigError: with one line for each finding, in the form `source:line: path: what`.
    """
    try:
        return _parsed(text)
    except ConfigError:
        return _parse(text, source)  # once more, and so the error names the source


# One operation reads the bundle of a release several times, and the working tree's is often equal.
@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> Bundle:
    return _parse(text, "bundle")


def _parse(text: str, source: str) -> Bundle:
    document, raw = read_mapping(text, source)
    return read_bundle(raw, document)


def written(raw: Mapping[str, Any]) -> str:
    """YAML text that reads back as these keys; the same keys give the same text."""
    import yaml

    text: str = yaml.safe_dump(
        dict(raw), sort_keys=False, default_flow_style=None, allow_unicode=True, width=100
    )
    return text


def flow(value: Any) -> str:
    """A value as YAML in one line."""
    import yaml

    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.removesuffix("\n").removesuffix("\n...")


def read_bundle(raw: Mapping[str, Any], document: YamlText) -> Bundle:
    """A bundle from its keys.

    Args:
        raw: all of them; what a short bundle leaves out is derived already.
        document: the person's text, for the lines.

    Raises:
        ConfigError: as for `parse_bundle`.
    """
    raw = dict(raw)
    # Probes are a union told apart by `kind`; validated one by one, an error says just what its
    # own kind lacks, and not what every other kind would have wanted.
    probes_raw = raw.pop("probes", {})
    bundle = validate_mapping(Bundle, raw, document)
    if not isinstance(probes_raw, dict):
        raise refusal(document, ["probes: must be a mapping of names to probes"])
    probes = {
        str(name): _probe(value, document, f"probes/{name}") for name, value in probes_raw.items()
    }
    compose = dataclasses.replace(
        bundle.compose,
        files=_plain(bundle.compose.files),
        profiles={name: _plain(files) for name, files in bundle.compose.profiles.items()},
        carries=_plain(bundle.compose.carries),
        data=_plain(bundle.compose.data),
        leaves=_plain(bundle.compose.leaves),
        values={_plain([name])[0]: found for name, found in bundle.compose.values.items()},
    )
    bundle = dataclasses.replace(bundle, probes=probes, compose=compose)
    findings = cross_findings(bundle)
    if findings:
        raise refusal(document, findings)
    return bundle


def _plain(names: Sequence[str]) -> tuple[str, ...]:
    """Paths without what says nothing: `./compose.yaml` is `compose.yaml`."""
    return tuple(posixpath.normpath(name) if name else name for name in names)


def _probe(raw: Any, document: YamlText, path: str) -> Probe:
    kind = str(raw.get("kind")) if isinstance(raw, dict) else ""
    if kind not in PROBES:
        raise refusal(document, [f"{path}/kind: must be one of {', '.join(PROBES)}"])
    return validate_mapping(PROBES[kind], raw, document, path)
