"""The tasks of the group `registry`."""
