"""Names of images, as compose files have them."""

from __future__ import annotations

import pytest

from morphops.core.release.reference import HUB, SourceRef, familiar
from morphops.errors import InputError

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest", "host", "path"),
    [
        ("postgres", "postgres", "latest", "", HUB, "library/postgres"),
        ("postgres:16", "postgres", "16", "", HUB, "library/postgres"),
        ("library/postgres:16", "postgres", "16", "", HUB, "library/postgres"),
        ("docker.io/library/postgres", "postgres", "latest", "", HUB, "library/postgres"),
        ("docker.io/postgres:16", "postgres", "16", "", HUB, "library/postgres"),
        ("index.docker.io/grafana/loki:3", "grafana/loki", "3", "", HUB, "grafana/loki"),
        ("grafana/loki", "grafana/loki", "latest", "", HUB, "grafana/loki"),
        ("ghcr.io/x/y:v1", "ghcr.io/x/y", "v1", "", "ghcr.io", "x/y"),
        ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "latest", "", "127.0.0.1:5000", "x"),
        ("localhost/x:1", "localhost/x", "1", "", "localhost", "x"),
        (f"postgres@{DIGEST}", "postgres", "", DIGEST, HUB, "library/postgres"),
        (f"postgres:16@{DIGEST}", "postgres", "", DIGEST, HUB, "library/postgres"),
        (f"ghcr.io:443/x:1@{DIGEST}", "ghcr.io:443/x", "", DIGEST, "ghcr.io:443", "x"),
    ],
)
def test_the_name_of_an_image(
    text: str, repository: str, tag: str, digest: str, host: str, path: str
) -> None:
    source = SourceRef.parse(text)
    assert (source.repository, source.tag, source.digest) == (repository, tag, digest)
    assert (source.host, source.path) == (host, path)
    assert SourceRef.parse(str(source)) == source


@pytest.mark.parametrize(
    "text", ["", ":16", "Postgres", "http://x/y", "a b", "x:", "x@sha256:1", "x@", "${X}", "x:y:z"]
)
def test_no_name_of_an_image(text: str) -> None:
    with pytest.raises(InputError):
        SourceRef.parse(text)


def test_the_host_stays_where_it_is_not_docker_hubs() -> None:
    assert familiar("ghcr.io/library/x") == "ghcr.io/library/x"
    assert familiar("registry.example/docker.io/x") == "registry.example/docker.io/x"
