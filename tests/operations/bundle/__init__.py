"""The tasks of the group `bundle`."""
