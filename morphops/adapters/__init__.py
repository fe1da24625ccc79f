"""What touches the outside world: one folder for each outside thing."""
