"""The labels by which the engine remembers: ours, and those that Compose gives to what it makes."""

from __future__ import annotations

RELEASE = "morphops.release"  # digest of the release that created a container
CONFIG = "morphops.config"  # digest of the configuration that something was created with
PARTS = "morphops.parts"  # what that configuration is made of: a keyed digest for each part
OURS = (RELEASE, CONFIG, PARTS)
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
REPLACES = "com.docker.compose.replace"  # on a new container until it has taken the place
NUMBER = "com.docker.compose.container-number"
VERSION = "com.docker.compose.version"  # of the Compose that made it
ONE_OFF = "com.docker.compose.oneoff"  # "True" on what `docker compose run` started

# Of an image: the project that built it. It is known by this when it has lost every name.
BUILT_FOR = "morphops.project"


def of_project(project: str) -> str:
    """Return the label, as filters take it, of everything that Compose made for a project."""
    return f"{PROJECT}={project}"
