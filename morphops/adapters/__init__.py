"""Everything outside: one folder, or module, for each outside thing."""
