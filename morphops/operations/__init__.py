"""What each task does: one module, or folder, for each room of `inv --list`."""
