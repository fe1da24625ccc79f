"""docs/tutorial.md, followed word by word: its files are clean, and its stack runs."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from morphops.adapters.base_images.assemble import BaseImage
from tests import stacks
from tests.stacks import Inv, free_port

pytestmark = pytest.mark.engine

SERVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}')
HTTPServer(("", 8080), Handler).serve_forever()
"""


@pytest.fixture
def shop(tmp_path: Path, registry: str) -> Iterator[Inv]:
    stacks.own_stack(tmp_path)
    name = f"morphops-test-{uuid.uuid4().hex[:8]}"
    for path in (tmp_path / "ops/bundle.yaml", tmp_path / "ops/compose.yaml"):
        path.write_text(
            path.read_text()
            .replace(": shop ", f": {name} ")
            .replace("name: shop\n", f"name: {name}\n")
        )
    yield Inv(tmp_path, tmp_path / "state", registry)
    stacks.remove_stack(name)


def test_the_page_word_by_word(shop: Inv, registry: str, bases: dict[str, BaseImage]) -> None:
    runbooks = shop.folder / "runbooks"
    runbooks.rename(shop.folder / "later")
    assert shop("env.template").code == 0
    done = shop("bundle.check")
    assert done.out == "every artifact is ok\n", done
    made = shop("env.init", "--json")
    assert made.json["left"] == {}
    with Path(made.json["path"]).open("a") as stream:
        port = free_port()
        stream.write(f"WEB_PORT={port}\n")
    images = {
        name: stacks.variant(
            bases["python"], registry, f"shop/{name}", entrypoint=["python3", "-uc", SERVER]
        )
        for name in ("api", "web")
    }
    words = [f"--image={name}={registry}/shop/{name}@{at}" for name, at in images.items()]
    release = shop("release.create", *words, "--json").json["release"]
    done = shop("deploy", f"--image={release}", "--reason=the first one")
    assert done.code == 0, done
    assert requests.get(f"http://127.0.0.1:{port}/health", timeout=600).json() == {"status": "ok"}

    # With the first runbook the bundle's word that there are none goes, and steps are asked for.
    shutil.move(shop.folder / "later", runbooks)
    said = shop("bundle.check", "--hardening", "--json").json
    (spare,) = (finding["what"] for finding in said["findings"])
    assert spare == "accept: runbooks does not break runbooks"
    (missing,) = (f["subjects"] for f in said["advice"] if f["rule"] == "runbook-step")
    assert {"down", "rollback", "prune"} <= set(missing)
    assert not {"build", "deploy", "quickstart", "approval.grant"} & set(missing)
