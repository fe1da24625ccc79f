"""The stack of this repository as the end-to-end tests call it."""

from __future__ import annotations

import uuid
from typing import Any

import requests

# Its own, as that of every other test: several checkouts may be tested on one engine.
PROJECT = f"morphops-test-e2e-{uuid.uuid4().hex[:8]}"


def rpc(port: int, method: str, *params: Any) -> Any:
    """A JSON-RPC call, made without morphops."""
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    return requests.post(f"http://127.0.0.1:{port}/", json=request, timeout=600).json()
