"""The use cases, one function each: read, decide, act, tell. Tasks call these and nothing else."""
