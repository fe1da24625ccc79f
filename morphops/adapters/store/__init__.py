"""The state folder and other files on the disk."""
