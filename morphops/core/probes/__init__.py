"""Probes: one module for each kind, with what it asks and how it judges what was read."""
