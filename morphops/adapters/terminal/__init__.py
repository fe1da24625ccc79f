"""The person at the terminal."""
