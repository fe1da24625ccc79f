"""`inv image.check` on images that were made wrong, each in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from morphops.adapters.base_images.assemble import BaseImage
from tests import stacks
from tests.stacks import Inv

pytestmark = pytest.mark.engine

GOOD: dict[str, Any] = {"User": "10001:10001", "Entrypoint": ["/usr/bin/python3"]}


@pytest.fixture
def image(inv: Inv, bases: dict[str, BaseImage], registry: str) -> Callable[..., str]:
    """Makes an image of the pair, which has to end well with `-V`."""
    path = inv.folder / "ops/bundle.yaml"
    bundle = yaml.safe_load(path.read_text())
    bundle["images"]["pair"] |= {"user": 10001, "check": ["-V"]}
    path.write_text(yaml.safe_dump(bundle, sort_keys=False))

    def made(*layers: str, name: str = "pair", **config: Any) -> str:
        env = config.pop("env", {})
        return stacks.variant(
            bases["python"],
            registry,
            f"morphops-test/{name}",
            config={**GOOD, **config},
            history=layers,
            **env,
        )

    return made


def check(inv: Inv, pair: str, front: str) -> tuple[int, list[str]]:
    made = inv("release.create", f"--image=pair={pair}", f"--image=front={front}", "--json")
    done = inv("image.check", f"--image={made.json['release']}", "--json")
    return done.code, [finding["text"] for finding in done.json["findings"]]


def test_a_good_one(inv: Inv, image: Callable[..., str]) -> None:
    assert check(inv, image("COPY . ."), image(name="front")) == (0, [])


@pytest.mark.parametrize(
    ("layers", "config", "says"),
    [
        ((), {"User": ""}, "runs as root"),
        ((), {"User": "nobody"}, "which may be any number"),
        ((), {"User": "10002"}, "runs as uid 10002, not 10001"),
        ((), {"env": {"TOKEN": "x"}}, "carries a value of TOKEN"),
        (("RUN |1 TOKEN=x make",), {}, "names the secret TOKEN in a layer"),
        ((), {"Entrypoint": ["/no/such/program"]}, "fails `-V` on a read-only root"),
        (
            (),
            {"Entrypoint": ["/usr/bin/python3", "-c", "open('/var/state', 'w')"]},
            "Read-only file system",
        ),
        (
            (),
            {"Entrypoint": ["/usr/bin/python3", "-c", "raise SystemExit('needs /data')"]},
            "on a read-only root: needs /data",
        ),
    ],
)
def test_a_broken_one(
    inv: Inv,
    image: Callable[..., str],
    layers: tuple[str, ...],
    config: dict[str, Any],
    says: str,
) -> None:
    code, found = check(inv, image(*layers, **config), image(name="front"))
    assert (code, len(found)) == (2, 1), found
    assert found[0].startswith("ops/bundle.yaml:6: image pair ")
    assert says in found[0]


def test_nothing_to_check(inv: Inv) -> None:
    done = inv("image.check")
    assert (done.code, "no release of record" in done.err) == (3, True), done
    done = inv("image.check", "--image=latest")
    assert done.code == 2, done
