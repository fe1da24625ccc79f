"""The labels by which the engine remembers what a release created."""

from __future__ import annotations

RELEASE = "morphops.release"  # digest of the release that created a container
CONFIG = "morphops.config"  # digest of the configuration that something was created with
