"""The values that a person sets."""
