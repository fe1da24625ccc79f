"""The tasks of the group `history`."""
