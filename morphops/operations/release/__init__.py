"""The tasks of the group `release`."""
