"""What runs, compared with what was released."""
