"""The labels that Compose gives to what it makes, and ours that say whose an image is."""

from __future__ import annotations

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
REPLACES = "com.docker.compose.replace"  # of a new container: the id of the one in its place
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"  # "True" on what `docker compose run` started

# Of the images that a project builds: it tells one that has lost every name from all others.
BUILT_FOR = "morphops.project"


def of_project(project: str) -> str:
    """Return the label, as filters take it, of everything that Compose made for a project."""
    return f"{PROJECT}={project}"
