"""Probes: what they are, and how a reading is judged."""
