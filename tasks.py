"""The tasks of this checkout: `inv --list`."""

from morphops.tasks import ns

__all__ = ["ns"]
