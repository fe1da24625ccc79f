"""Checks of the artifacts of a bundle, without running them."""
