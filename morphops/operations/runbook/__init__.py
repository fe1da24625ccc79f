"""The tasks of the group `runbook`."""
