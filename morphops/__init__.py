"""morphops: releases a containerised stack so that it is repeatable, auditable and boring."""

__version__ = "0.1.0"
