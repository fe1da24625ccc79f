"""The tasks of the group `image`."""
