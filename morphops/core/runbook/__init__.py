"""Runbooks: Markdown that is read, checked and run."""
