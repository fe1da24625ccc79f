"""What the two HTTP services share: listening, the life of the process, bounded bodies."""
