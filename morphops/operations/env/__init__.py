"""The tasks of the group `env`."""
