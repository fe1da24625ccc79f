"""The bundle: what does not change from release to release."""
