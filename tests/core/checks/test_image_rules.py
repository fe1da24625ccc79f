"""What only a built image can show: each rule, kept and broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from morphops.core.bundle.schema import ImageSpec
from morphops.core.checks import image_rules
from morphops.core.checks.image_rules import Facts

SPEC = ImageSpec(repository="shop/api", variable="API_IMAGE", user=10001, check=("--help",))
GOOD = Facts(user="10001:10001", variables=("PATH",), layers=("COPY . .", "ENV PATH=/opt/bin"))


def said(facts: Facts, spec: ImageSpec = SPEC) -> list[str]:
    image = image_rules.Image(
        name="api", spec=spec, facts=facts, owned=("TOKEN", "PORT"), secrets=("TOKEN",)
    )
    return [str(finding) for finding in image_rules.check(image, ("ops/bundle.yaml", 9))]


def test_a_good_one() -> None:
    assert said(GOOD) == []
    assert said(replace(GOOD, user="10001")) == []
    assert said(replace(GOOD, user="65534"), replace(SPEC, user=0)) == []


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (replace(GOOD, user=""), "runs as root; write USER 10001"),
        (replace(GOOD, user="0"), "runs as root"),
        (replace(GOOD, user="0:10001"), "runs as root"),
        (replace(GOOD, user="10001:0"), "runs in root's group; write USER 10001:10001"),
        (replace(GOOD, user="nginx"), "runs as 'nginx', which may be any number"),
        (replace(GOOD, user="root"), "runs as 'root', which may be any number"),
        (replace(GOOD, user="1000:1000"), "runs as uid 1000, not 10001"),
        (replace(GOOD, variables=("PATH", "PORT")), "carries a value of PORT"),
        (replace(GOOD, layers=("ARG TOKEN", "RUN x")), "names the secret TOKEN in a layer"),
        (replace(GOOD, layers=("RUN |1 TOKEN=x /bin/sh -c y",)), "names the secret TOKEN"),
        (
            replace(GOOD, failed=True, refused=("a", "no /x")),
            "fails `--help` on a read-only root: no /x",
        ),
        (replace(GOOD, failed=True), "fails `--help` on a read-only root;"),
    ],
)
def test_a_broken_one(facts: Facts, says: str) -> None:
    (finding,) = said(facts)
    assert finding.startswith("ops/bundle.yaml:9: image api ")
    assert says in finding


def test_a_longer_name_is_another() -> None:
    assert said(replace(GOOD, layers=("ENV TOKENS=3", "ENV MY_TOKEN=4"))) == []
