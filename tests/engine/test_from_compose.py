"""A compose file as it is found, unedited: a bundle, a deploy, a changed file beside it, back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from morphops.adapters.base_images.assemble import BaseImage
from tests import stacks
from tests.stacks import Inv, free_port

pytestmark = pytest.mark.engine

COMPOSE = """\
services:
  migrate:
    image: IMAGE
    command: [python3, -c, "open('/rows/done', 'w').write('migrated')"]
    volumes: [rows:/rows]
    environment: {TOKEN: "${APP_SECRET:?is not set}"}
  web:
    image: IMAGE
    command: [python3, -m, http.server, "8080", --directory, /srv]
    ports: ["127.0.0.1:${WEB_PORT:-8080}:8080"]
    volumes:
      - ./page:/srv/page:ro
      - rows:/srv/rows
    healthcheck:
      test: [CMD, curl, -fsS, "http://127.0.0.1:8080/"]
      interval: 1s
      retries: 120
    depends_on:
      migrate: {condition: service_completed_successfully}
volumes:
  rows:
"""


@pytest.fixture
def shop(tmp_path: Path, registry: str, bases: dict[str, BaseImage]) -> Iterator[Inv]:
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    folder = tmp_path / name
    (folder / "page").mkdir(parents=True)
    (folder / "page/index.txt").write_text("one")
    at = stacks.variant(bases["python"], registry, "found/app", entrypoint=["/usr/bin/env"])
    text = COMPOSE.replace("IMAGE", f"{registry}/found/app@{at}")
    (folder / "compose.yaml").write_text(text)
    (folder / ".env").write_text(f"WEB_PORT={free_port()}\n")
    (folder / "tasks.py").write_text("from morphops.tasks import ns\n")
    yield Inv(folder, tmp_path / "state", registry)
    stacks.remove_stack(name)


def test_from_a_compose_file_to_a_deploy_and_a_change(shop: Inv) -> None:
    before = (shop.folder / "compose.yaml").read_bytes()
    made = shop("bundle.init", "--json").json
    assert (made["state"], made["generated"], made["taken"]) == (
        "made",
        ["APP_SECRET"],
        ["WEB_PORT"],
    )
    release = shop("release.create", "--json").json["release"]
    done = shop("deploy", f"--image={release}", "--reason=the first one")
    assert done.code == 0, done
    port = (shop.folder / ".env").read_text().strip().partition("=")[2]

    def page(path: str) -> str:
        return requests.get(f"http://127.0.0.1:{port}/{path}", timeout=600).text

    assert page("page/index.txt") == "one"
    assert page("rows/done") == "migrated"

    # What stands beside the compose file is the release's own copy, until the next release.
    (shop.folder / "page/index.txt").write_text("two")
    assert page("page/index.txt") == "one"
    release = shop("release.create", "--json").json["release"]
    done = shop("deploy", f"--image={release}", "--reason=another page")
    assert done.code == 0, done
    assert page("page/index.txt") == "two"
    assert shop("rollback", "--reason=the page before").code == 0
    assert page("page/index.txt") == "one"
    assert (shop.folder / "compose.yaml").read_bytes() == before
