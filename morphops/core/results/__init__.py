"""What each task comes to: one module for each room, with one form for machines. Pure."""
