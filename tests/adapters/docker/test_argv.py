"""What Compose sees of a shell."""

from __future__ import annotations

import pytest

from morphops.adapters.docker.argv import hidden


@pytest.mark.parametrize(
    ("name", "decided", "seen"),
    [
        ("PATH", (), True),
        ("HOME", (), True),
        ("DOCKER_HOST", (), True),
        ("SSH_AUTH_SOCK", (), True),
        ("https_proxy", (), True),
        ("WHO", (), False),
        ("COMPOSE_PROFILES", (), False),
        ("DOCKER_GID", (), False),
        ("DOCKER_DEFAULT_PLATFORM", (), False),
        ("MORPHOPS_STATE", (), False),
        ("HTTP_PROXY", ("HTTP_PROXY",), False),
        ("TOKEN", ("TOKEN",), False),
    ],
)
def test_only_what_leads_to_the_engine(name: str, decided: tuple[str, ...], seen: bool) -> None:
    assert (name not in hidden([name], decided)) is seen
