"""The path from a task to its effect is short; docs/explanation/architecture.md draws it."""

from __future__ import annotations

import inspect

from morphops.operations.deploy import deploy
from tests.operations.in_memory.world import NEW, World
from tests.paths import ROOT

PAGE = (ROOT / "docs/explanation/architecture.md").read_text()
# The task, `cli.perform`, and the lambda that it is given come before.
BEFORE = 3


def test_from_the_task_to_the_effect_there_are_eight_calls(world: World) -> None:
    seen: list[str] = []

    def look() -> None:
        frames = [
            f"{frame.filename.partition('/morphops/')[2]}:{frame.function}"
            for frame in inspect.stack()
            if "/morphops/operations/" in frame.filename
        ]
        seen[:] = seen or reversed(frames)

    world.engine.faults.at("start db", look)
    deploy(world.site(), [NEW.digest])
    assert seen == [
        "operations/deploy.py:deploy",
        "operations/pipeline/change.py:bring",
        "operations/pipeline/operation.py:execute",
        "operations/pipeline/execute.py:run",
        "operations/pipeline/execute.py:_effect",
    ]
    assert BEFORE + len(seen) == 8  # the ninth frame is the platform's `start`
    for frame in seen:
        file, _, function = frame.removeprefix("operations/").partition(":")
        assert file in PAGE
        assert function in PAGE
