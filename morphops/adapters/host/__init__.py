"""The machine: packages, ports, the engine's own setup."""
