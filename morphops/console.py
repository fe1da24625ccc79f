"""The command `morphops`: the tasks of `inv`, for a folder that has no tasks.py.

morphops --list
morphops deploy --image=sha256:…
python -m morphops.console status
"""

from __future__ import annotations

from collections.abc import Sequence

from morphops import __version__

NAME = "morphops"


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tasks that a command line names, and end the process with their exit code.

    The command line is read as `inv` reads it: the same tasks, options, messages and exit codes.
    Only `--collection`, `--search-root` and `--no-dedupe` are absent, for no tasks.py is searched.

    Args:
        argv: the program's name and its arguments; None for those of this process.

    Raises:
        SystemExit: with the exit code of the task, or 1 where Invoke cannot parse the line.
    """
    # Only here: who imports this module for its names must not pay for Invoke.
    from invoke.program import Program

    from morphops.tasks import ns

    words = None if argv is None else list(argv)
    Program(name=NAME, binary=NAME, binary_names=[NAME], version=__version__, namespace=ns).run(
        words
    )


if __name__ == "__main__":
    main()
