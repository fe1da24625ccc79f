"""Makes snapshots: a genesis file becomes a matrix, a manifest and the contract code."""
