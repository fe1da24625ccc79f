"""`inv prune`."""
