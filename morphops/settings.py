"""Every variable of the environment that the program reads, in one place.

- `MORPHOPS_BUNDLE`: the bundle file; else ops/bundle.yaml or bundle.yaml, here or above
- `MORPHOPS_STATE`: the state folder, an absolute path
- `MORPHOPS_ENV_FILE`: the env file
- `MORPHOPS_REGISTRY`: `host[:port]`, in place of the bundle's registry
- `MORPHOPS_AGE_IDENTITY`: the age identity that opens encrypted env files

Two more are for our own children: `ENV_LOCK_TOKEN` and `ENV_SHOW_TEXT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# For what an operation starts: the token of the lock that the operation holds.
ENV_LOCK_TOKEN = "MORPHOPS_LOCK"  # noqa: S105 - the name of a variable
# For a task whose JSON `runbook.run` reads: the person beside it sees the view as well.
ENV_SHOW_TEXT = "MORPHOPS_SHOW"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says; empty where it does not.

    Attributes:
        bundle: path of the bundle file.
        state: path of the state folder.
        env_file: path of the env file.
        registry: `host[:port]` in place of the bundle's.
        age_identity: path of the age identity.
        inside: token of the lock of the operation that started this command.
        show: whether `--json` is shown to a person as well.
    """

    bundle: str = ""
    state: str = ""
    env_file: str = ""
    registry: str = ""
    age_identity: str = ""
    inside: str = ""
    show: bool = False

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        """Read them from an environment."""
        return cls(
            bundle=environ.get("MORPHOPS_BUNDLE", ""),
            state=environ.get("MORPHOPS_STATE", ""),
            env_file=environ.get("MORPHOPS_ENV_FILE", ""),
            registry=environ.get("MORPHOPS_REGISTRY", ""),
            age_identity=environ.get("MORPHOPS_AGE_IDENTITY", ""),
            inside=environ.get(ENV_LOCK_TOKEN, ""),
            show=bool(environ.get(ENV_SHOW_TEXT)),
        )
